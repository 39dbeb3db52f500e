"""Personal data never leaves, and comes back in the answer however the answer is cut."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.llm.domain.generation import Message, Prompt, Role, ToolCall
from services.llm.domain.redaction import KINDS, Kind, PatternRedaction, Restored

REDACTION = PatternRedaction()
# Every one of them is made up: numbers are of ranges kept for fiction and tests, with right check digits.
PERSONAL = {
    "EMAIL": [
        "anna.smith@example.com", "a+b@sub.example.co.uk", "JOHN_DOE99@EXAMPLE.ORG", "m@example.io",
        "neil@example.com",
        "first-last@my-shop.example", "x.y.z@example.museum", "user@xn--bcher-kva.example",
    ],
    "PHONE": [
        "+44 20 7946 0958", "+1 202-555-0143", "(202) 555-0143", "202-555-0143", "+49 30 23125 000", "020 7946 0958",
        "+33 1 99 00 12 34", "01632 960 983", "+1 (202) 555-0143", "+4915207829823", "030/23125-000", "202.555.0143",
    ],
    "CARD": [
        "4111 1111 1111 1111", "4111-1111-1111-1111", "5555555555554444", "378282246310005", "6011 1111 1111 1117",
        "3530111333300000", "4012888888881881", "5105 1051 0510 5100",
    ],
    "IBAN": [
        "DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "FR14 2004 1010 0505 0001 3M02 606",
        "NL91ABNA0417164300", "CH93 0076 2011 6238 5295 7", "ES91 2100 0418 4502 0005 1332", "at61 1904 3002 3457 3201",
    ],
    "ADDRESS": [
        "12 Baker Street", "221B Baker Street", "1600 Pennsylvania Avenue", "5 Old Mill Lane, Apt 4", "77 Sunset Blvd.",
        "Hauptstraße 5", "Lindenallee 12a", "10 rue de la Paix", "calle de Alcalá 45", "18 Queen's Road",
        "Via Roma 21", "9 Elm Court", "1234 E Main St", "42 Park Pl",
    ],
}  # fmt: skip
# Numbers and words of a shop that are nobody's.
HARMLESS = [
    "Order 1042 came with 3 pairs in size 42.", "The kettle holds 1.7 litres and costs 49.90 EUR.", "EAN 4006381333931",
    "Open 9-17 on weekdays, 10-14 on Saturdays.", "Version 2.10.3 of 2026-11-26.", "Return within 30 days.",
    "A 12 x 18 cm print at 300 dpi.", "Ref. 2024-000123", "SKU TARN-SOCK-0042",
    "ISBN 978-3-16-148410-0", "100 % wool, 1,200 g",
    "4111 1111 1111 1112 is no card.", "Walk the line at 5 or 6.", "What do you recommend @ 50?",
]  # fmt: skip


def prompt(text: str, **more: object) -> Prompt:
    return Prompt([Message(Role.USER, text, **more)])  # type: ignore[arg-type]


def redacted(text: str) -> str:
    return REDACTION.redact(prompt(text))[0].messages[0].text


CASES = [(kind, value) for kind, values in PERSONAL.items() for value in values]


def test_nineteen_in_twenty_are_found_of_every_kind() -> None:
    missed = [value for kind, value in CASES if value in redacted(f"Please note {value} and answer soon")]
    by_kind = {kind: sum(value in missed for value in values) / len(values) for kind, values in PERSONAL.items()}
    assert all(share <= 0.05 for share in by_kind.values()), missed


@pytest.mark.parametrize("text", HARMLESS)
def test_numbers_of_a_shop_stay(text: str) -> None:
    assert redacted(text) == text
    assert not REDACTION.is_personal(prompt(text))


def test_same_value_has_the_same_stand_in_and_others_have_others() -> None:
    text = redacted("a@example.com, b@example.com and a@example.com")
    assert text == "[EMAIL_1], [EMAIL_2] and [EMAIL_1]"


def test_secrets_never_leave() -> None:
    assert "sk-" not in redacted("my key is sk-abcdefghijklmnop0123456789")


def test_tool_arguments_and_results_are_redacted_and_put_back() -> None:
    call = ToolCall("c", "mail", '{"to": "a@example.com"}')
    given = Prompt(
        [Message(Role.ASSISTANT, "", tool_calls=[call]), Message(Role.TOOL, "sent to a@example.com", tool_call_id="c")]
    )
    out, restorer = REDACTION.redact(given)
    assert "example" not in out.messages[0].tool_calls[0].arguments + out.messages[1].text
    assert restorer is not None
    assert restorer.call(out.messages[0].tool_calls[0]) == call


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_answer_comes_back_whole_however_it_is_cut(seed: int, longest: int) -> None:
    chance = random.Random(seed)
    out, restorer = REDACTION.redact(prompt("Write to a@example.com or +44 20 7946 0958"))
    assert restorer is not None
    said = f"I wrote to {out.messages[0].text.split()[2]} [not a stand-in] [EMAIL_99] and [PHONE_2]. [E"
    pieces, at = [], 0
    while at < len(said):
        step = chance.randint(1, longest)
        pieces.append(said[at : at + step])
        at += step
    heard = "".join(restorer.feed(piece) for piece in pieces) + restorer.end()
    assert heard == "I wrote to a@example.com [not a stand-in] [EMAIL_99] and +44 20 7946 0958. [E"


def test_nothing_personal_costs_nothing() -> None:
    given = prompt("What goes with a teapot?")
    assert REDACTION.redact(given) == (given, None)


def test_restorer_of_nothing_passes_everything_on() -> None:
    assert Restored({}).feed("plain [1] text") == "plain [1] text"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@given(st.data())
def test_the_quick_look_never_passes_over_what_the_pattern_finds(kind: Kind, data: st.DataObject) -> None:
    before, after = data.draw(st.text(max_size=5)), data.draw(st.text(max_size=5))
    text = before + data.draw(st.from_regex(kind.pattern)) + after
    assert kind.may_hold(text) or not any(kind.holds(found[0]) for found in kind.pattern.finditer(text))
