"""Whether the parts of a prompt fit together; what a field may hold by itself is the contract's business."""

from services.llm.domain.generation import FormatKind, Message, Prompt, Role, ToolChoiceMode


def contradiction(prompt: Prompt) -> tuple[str, str] | None:
    """Return (field, problem) of what contradicts itself, None when all is well."""
    if not prompt.tools and not _uses_tools(prompt) and prompt.response_format.kind is FormatKind.TEXT:
        return None if _says_something(prompt) else ("messages", "hold no text")
    return _of_tools(prompt) or _of_turns(prompt) or _of_format(prompt)


def _says_something(prompt: Prompt) -> bool:
    return any(message.text or message.images for message in prompt.messages)


def _uses_tools(prompt: Prompt) -> bool:
    choice = prompt.tool_choice.mode is not ToolChoiceMode.AUTO
    return choice or any(message.tool_calls or message.role is Role.TOOL for message in prompt.messages)


def _of_tools(prompt: Prompt) -> tuple[str, str] | None:
    names = [tool.name for tool in prompt.tools]
    if len(set(names)) != len(names):
        return "tools", "names must differ"
    choice = prompt.tool_choice
    if choice.mode is ToolChoiceMode.NAMED and choice.name not in names:
        return "tool_choice.name", "names none of the tools"
    if choice.mode is ToolChoiceMode.REQUIRED and not names:
        return "tool_choice.mode", "requires a tool and there is none"
    return None


def _of_turns(prompt: Prompt) -> tuple[str, str] | None:
    """Check that each result follows the call it belongs to."""
    asked: set[str] = set()
    for index, message in enumerate(prompt.messages):
        at = f"messages[{index}]"
        if (problem := _of_turn(message, asked)) is not None:
            return f"{at}.{problem[0]}", problem[1]
        asked.update(call.call_id for call in message.tool_calls)
    return None


def _of_turn(message: Message, asked: set[str]) -> tuple[str, str] | None:
    if message.tool_calls and message.role is not Role.ASSISTANT:
        return "tool_calls", "belong to turns of the assistant"
    if message.images and message.role is not Role.USER:
        return "images", "belong to turns of the user"
    if message.role is Role.TOOL and message.tool_call_id not in asked:
        return "tool_call_id", "names no call before it"
    if message.role is not Role.TOOL and message.tool_call_id:
        return "tool_call_id", "belongs to turns of a tool"
    return None


def _of_format(prompt: Prompt) -> tuple[str, str] | None:
    wanted = prompt.response_format
    if wanted.kind is FormatKind.JSON_SCHEMA and not wanted.schema:
        return "response_format.schema", "is missing"
    if wanted.kind is not FormatKind.JSON_SCHEMA and wanted.schema:
        return "response_format.schema", "goes with a JSON schema only"
    return None
