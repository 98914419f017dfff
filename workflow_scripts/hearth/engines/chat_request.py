"""Write requests to a server with OpenAI's chat API, in the form that the server accepts."""

import datetime
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from hearth.engines.protocol import Decoding, Request, request_seed, require_schema

LimitField = Literal["auto", "max_tokens", "max_completion_tokens"]
LIMIT_FIELDS: tuple[LimitField, ...] = get_args(LimitField)
SchemaForm = Literal["list", "closed", "object"]
_SCHEMA_FORMS: dict[SchemaForm, list[str]] = {
    "list": [],
    "closed": ["a schema whose list has a largest length"],
    "object": ["the answer's list inside an object"],
}
# The key of the object around the list of an answer, for servers that accept no other schema than an object's.
SCHEMA_KEY = "events"
# Fields that a server may not know, and that the registry may leave out (`omitted_fields`).
PUBLISHED_FIELDS = ("temperature", "top_p", "seed")
EXTENSIONS = ("top_k", "min_p", "repetition_penalty", "chat_template_kwargs")
_BUDGET = "thinking_token_budget"
# Messages of servers that refuse a form. Those about the size of max_tokens are not among them.
_NO_MAX_TOKENS = re.compile(
    r"use\W{1,4}max_completion_tokens|max_completion_tokens\W{1,4}instead"
    r"|max_tokens\b.{0,60}\b(unsupported|not supported|not permitted|unrecogni[sz]ed|unknown)"
    r"|(unsupported|unrecogni[sz]ed|unknown) \w+\W{1,4}max_tokens\b",
    re.IGNORECASE | re.DOTALL,
)
_NO_FALSE_ITEMS = re.compile(r"/items\b.*\bobject\b", re.DOTALL)
_NO_LIST_SCHEMA = re.compile(r"(response_format|schema).*\bobject\b", re.IGNORECASE | re.DOTALL)
_NO_ROLE = re.compile(r"\broles?\b", re.IGNORECASE)


@dataclass(frozen=True)
class RequestForm:
    """The form of a chat request.

    `extended` adds the fields of vLLM, SGLang and llama.cpp to the published API. `limit_field` names the field for the
    longest answer; 'auto' is max_tokens until a server refuses it. `schema_form` 'object' puts the list that an answer
    is into an object; 'closed' bounds the list by its length alone. `system_turn` says whether the system's text has a
    turn of its own; otherwise it precedes the user's. `omitted` fields are not sent, so the server's own values apply.
    `date` (ISO) is what chat templates with a `date_string`, such as Llama 3's, take for today; "" leaves it to the
    server's clock.
    """

    extended: bool
    limit_field: LimitField = "auto"
    omitted: frozenset[str] = frozenset()
    schema_form: SchemaForm = "list"
    system_turn: bool = True
    date: str = ""

    def arguments(self, model: str, system: str, request: Request, decoding: Decoding) -> dict[str, Any]:
        """Return the arguments of the client's call for a request. Raises ValueError if it needs and lacks a schema."""
        turns = [{"role": "system", "content": system}, {"role": "user", "content": request.suffix}]
        if not self.system_turn:
            turns = [{"role": "user", "content": f"{system}\n\n{request.suffix}"}]
        limit = "max_tokens" if self.limit_field == "auto" else self.limit_field
        arguments: dict[str, Any] = {"model": model, "messages": turns, limit: decoding.max_new_tokens}
        published = {
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "seed": request_seed(decoding.seed, request.key),
        }
        arguments |= _without(published, self.omitted)
        if decoding.constrained:
            arguments["response_format"] = self._response_format(require_schema(request))
        if self.extended:
            arguments["extra_body"] = _without(_extensions(request, decoding, self.date), self.omitted)
        return arguments

    def adapted(self, refusal: str) -> "RequestForm | None":
        """Return the form that a server asks for which refuses this one with the message `refusal`; None without one.

        Only forms that ask the same of the model are changed so.
        """
        if self.limit_field == "auto" and _NO_MAX_TOKENS.search(refusal):
            return replace(self, limit_field="max_completion_tokens")
        if self.schema_form == "list" and _NO_FALSE_ITEMS.search(refusal):
            return replace(self, schema_form="closed")
        if self.schema_form != "object" and _NO_LIST_SCHEMA.search(refusal):
            return replace(self, schema_form="object")
        if self.system_turn and _NO_ROLE.search(refusal):  # the user's turn is the only other one
            return replace(self, system_turn=False)
        return None

    def differences(self) -> list[str]:
        """Return how this form differs from the usual one, in words."""
        return [
            *(["max_completion_tokens instead of max_tokens"] if self.limit_field == "max_completion_tokens" else []),
            *_SCHEMA_FORMS[self.schema_form],
            *([] if self.system_turn else ["the system's text before the user's, in one turn"]),
            *(f"without {field}" for field in sorted(self.omitted)),
        ]

    def advice_on(self, refusal: str) -> str:
        """Return advice on the fields that a server's message `refusal` names; "" if it names none that were sent."""
        fields = [*PUBLISHED_FIELDS, *(EXTENSIONS if self.extended else ())]
        named = [one for one in fields if one not in self.omitted and re.search(rf"\b{one}\b", refusal)]
        if named:
            return (
                f"; to leave {', '.join(named)} to the server, add to omitted_fields of the model in the registry"
                + (", or set `interface: openai` there" if set(named) <= set(EXTENSIONS) else "")
            )
        if "response_format" in refusal:
            return "; to ask without a schema, set decoding.constrained to false"
        if _BUDGET in refusal:
            return "; set decoding.reasoning_budget to null"
        return ""

    def _response_format(self, text: str) -> dict[str, Any]:
        schema = json.loads(text)
        if self.schema_form == "object":
            schema = _as_object(schema)
        elif self.schema_form == "closed":
            del schema["items"]
            schema["maxItems"] = len(schema["prefixItems"])
        return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


def _as_object(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object with the list that `schema` describes.

    Servers that want an object know one schema for all items of a list, and no prefixItems: every item may then have
    each of the values that some item may have.
    """
    listed = dict(schema)
    if items := listed.pop("prefixItems", None):
        values: dict[str, list[Any]] = {}
        for item in items:
            for name, one in item["properties"].items():
                allowed = one.get("enum", [one.get("const")])
                values.setdefault(name, []).extend(value for value in allowed if value not in values.get(name, ()))
        properties = {
            name: {"type": "integer" if isinstance(each[0], int) else "string", "enum": each}
            for name, each in values.items()
        }
        listed |= {"items": {**items[0], "properties": properties}, "maxItems": len(items)}
    return {
        "type": "object",
        "properties": {SCHEMA_KEY: listed},
        "required": [SCHEMA_KEY],
        "additionalProperties": False,
    }


def _extensions(request: Request, decoding: Decoding, date: str) -> dict[str, object]:
    """Return vLLM's additions to the published API. All settings are sent, since a server has its own defaults."""
    thinks = request.reasoning_block is not None
    template: dict[str, object] = {"enable_thinking": thinks, "thinking": thinks}  # Qwen3's switch, and DeepSeek's
    if date:
        template["date_string"] = f"{datetime.date.fromisoformat(date):%d %b %Y}"
    extensions: dict[str, object] = {
        "top_k": decoding.top_k or -1,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "chat_template_kwargs": template,
    }
    if request.reasoning_block and decoding.reasoning_budget is not None:
        extensions[_BUDGET] = decoding.reasoning_budget
    return extensions


def _without(fields: dict[str, Any], omitted: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in omitted}
