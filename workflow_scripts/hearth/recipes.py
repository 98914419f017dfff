"""Recipes: what a student learns from its teacher's traces. What each makes of a trace is the distillation's matter."""

# What the paper's students learn from.
PAPER_RECIPE = "reasoning"

# Name of a recipe, and whether its students are taught to reason: they are tested in the mode they were taught in.
RECIPES = {
    "reasoning": True,
}
