"""Tokenise and render chat templates with tokenizers and jinja2 alone: transformers takes seconds to import."""

import datetime
import json
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox

from hearth.common.files import read_json_object
from hearth.models.snapshot import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Special tokens that a chat template may name, as transformers passes them.
_NAMED_TOKENS = tuple(f"{name}_token" for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"))


class LightTokenizer:
    """The tokenizer in a model's folder, with those methods of a transformers tokenizer that recognition uses.

    It reads tokenizer.json, tokenizer_config.json and chat_template.jinja. Text and tokens equal those of transformers,
    except for tokenizers that transformers changes when it loads them; an export has these as changed.
    """

    def __init__(self, folder: Path):
        self._folder = Path(folder)
        self._config: dict[str, Any] = {}
        for name in ("tokenizer_config.json", "special_tokens_map.json"):
            # Like transformers, which reads the second, older file only beside settings without this key.
            if (self._folder / name).is_file() and "added_tokens_decoder" not in self._config:
                self._config |= read_json_object(self._folder / name)

    @cached_property
    def backend_tokenizer(self) -> "Tokenizer":
        """The tokenizer of the package tokenizers, without padding and truncation. Raises ModelError if unreadable."""
        from tokenizers import Tokenizer

        path = self._folder / "tokenizer.json"
        if not path.is_file():
            raise ModelError(f"{path}: no such file; a tokenizer of another kind needs transformers")
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the package raises nothing more special
            raise ModelError(f"{path}: {error}") from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def __call__(self, text: str, *, add_special_tokens: bool, verbose: bool = False) -> dict[str, list[int]]:
        """Return a dict with the tokens of `text` under "input_ids"."""
        return {"input_ids": self.backend_tokenizer.encode(text, add_special_tokens=add_special_tokens).ids}

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str | None]:
        """Return the vocabulary's spelling of each token."""
        return [self.backend_tokenizer.id_to_token(number) for number in ids]

    def get_chat_template(self) -> str:
        """Return the model's chat template. Raises ValueError if it has none."""
        path = self._folder / "chat_template.jinja"
        if path.is_file():
            return path.read_text(encoding="utf-8")
        template = self._config.get("chat_template")
        if isinstance(template, list):
            template = {one["name"]: one["template"] for one in template}.get("default")
        if not isinstance(template, str):
            raise ValueError(f"{self._folder}: the tokenizer has no chat template")
        return template

    def apply_chat_template(
        self,
        conversation: list[dict[str, Any]],
        *,
        chat_template: str | None = None,
        tokenize: bool = False,
        add_generation_prompt: bool = False,
        **variables: Any,
    ) -> str:
        """Return the text of the conversation in a chat template, the model's own by default.

        Raises jinja2.TemplateError if the template refuses the conversation.
        """
        if tokenize:
            raise ValueError("LightTokenizer renders text only; pass tokenize=False")
        turns = [{key: value for key, value in turn.items() if value is not None} for turn in conversation]
        template = _compiled(chat_template or self.get_chat_template())
        return template.render(
            {
                "messages": turns,
                "tools": None,
                "documents": None,
                "add_generation_prompt": add_generation_prompt,
                **self._special_tokens(),
                **variables,
            }
        )

    def _special_tokens(self) -> dict[str, str]:
        tokens = {name: self._config.get(name) for name in _NAMED_TOKENS}
        texts = {name: one.get("content") if isinstance(one, Mapping) else one for name, one in tokens.items()}
        return {name: text for name, text in texts.items() if text is not None}


class _AnswerBlocks(jinja2.ext.Extension):
    """Render the body of `{% generation %}` blocks, by which templates mark answers for training."""

    tags = {"generation"}  # noqa: RUF012 - jinja2's own declaration

    def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node:
        """See jinja2: return the node of a block."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller: Callable[[], str]) -> str:
        return caller()


@lru_cache(maxsize=32)
def _compiled(template: str) -> jinja2.Template:
    """Return a compiled template: compiling takes much longer than rendering, and each window renders several."""
    return _environment().from_string(template)


def _environment() -> jinja2.sandbox.ImmutableSandboxedEnvironment:
    """Return the environment in which transformers renders chat templates."""
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_AnswerBlocks, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = _as_json
    environment.globals |= {"raise_exception": _refuse, "strftime_now": _now}
    return environment


def _as_json(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def _now(format: str) -> str:
    return datetime.datetime.now().strftime(format)
