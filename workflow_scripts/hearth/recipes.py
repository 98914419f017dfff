"""Recipes: what a student learns from its teacher's traces. What each makes of a trace is the distillation's matter."""

# Name of a recipe, and whether its students are taught to reason: they are tested in the mode they were taught in.
RECIPES = {
    "reasoning": True,
}
