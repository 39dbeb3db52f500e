"""What an upstream can do to us: one list for every fake, so that every adapter is put through the same."""

from enum import Enum


class Scenario(Enum):
    """One behaviour of an upstream. Answers say "Warm tea", for 7 tokens in and 2 out."""

    ANSWER = "answers, and counts"
    UNCOUNTED = "answers without counting"
    LENGTH = "stops at the limit"
    THROTTLED = "says it is too much, and to wait 7 seconds"
    BROKEN = "breaks before the first token"
    FORBIDDEN = "refuses the credentials, quoting them"
    GONE = "knows no such model"
    REFUSED = "calls the request invalid, quoting the prompt"
    TOO_LONG = "finds the prompt too long"
    CUT = "is gone after the first token"
    # Answers, but refuses to go on from words of the assistant.
    REFUSES_TO_GO_ON = "refuses to go on"
    # Beginnings and middles that only look wrong: the answer is whole.
    SLOW = "takes a moment before the first token"
    TRICKLE = "sends every byte by itself"
    EMPTY_PIECES = "sends pieces with nothing in them"
    # Ends that only look right.
    NOTHING = "ends without a word"
    WRONG_MODEL = "lets another model answer"
    HALF_CALL = "stops in the middle of a tool call, and says it is done"
    ERROR_INSIDE = "sends an error after the first token"
    MALFORMED = "sends garbage after the first token"
    UNFINISHED = "ends the stream without having finished"
    SILENT = "takes the request and says nothing"
    STALLED = "says nothing more after the first token"
    ENDLESS = "never comes to an end"


DELTAS = ("Warm ", "tea")
USAGE = (7, 2)
# Seconds before the first token of a slow start.
SLOW_START = 0.3
# Arguments of a call that broke off.
HALF = '{"order": "A-10'
