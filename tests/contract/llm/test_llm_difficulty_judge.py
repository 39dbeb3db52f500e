"""The judge of difficulty: the packaged one, and one that is trained here, keep what the port promises."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.routing_metrics import Outcomes, apgr, recovery_curve
from bench.train_difficulty import Learnt, embedded, fit, gains, main, read_outcomes, train
from services.llm.adapters.embedding_difficulty import (
    PACKAGED,
    DifficultyUnavailable,
    DifficultyWeights,
    EmbeddingDifficulty,
    WordVectors,
    features,
    package_folder,
)
from services.llm.application.ports import DifficultyJudge

EASY = ["where is my parcel", "what are your opening hours", "can I return these shoes", "do you ship to Norway"]
HARD = ["prove that this series converges", "integrate the product of two functions", "solve the quadratic equation"]


def outcomes(count: int = 120) -> Outcomes:
    """Questions of two kinds: the large model is better at the hard ones only."""
    prompts = [f"{(EASY if i % 2 else HARD)[i % 3]} number {i}" for i in range(count)]
    small = np.array([bool(i % 2) or i % 10 == 0 for i in range(count)])
    return Outcomes(prompts, small, np.array([i % 17 != 0 for i in range(count)]), [""] * count)


def trained() -> DifficultyWeights:
    known = outcomes()
    return train(Learnt(known, embedded(known.prompts)))[0]


@pytest.fixture(scope="module", params=["packaged", "trained"])
def judge(request: pytest.FixtureRequest) -> DifficultyJudge:
    if request.param == "packaged":
        return EmbeddingDifficulty.load()
    return EmbeddingDifficulty(WordVectors(package_folder()), trained())


@settings(max_examples=150, deadline=None)
@given(text=st.text(st.characters(exclude_categories=()), max_size=400))
def test_any_text_has_a_difficulty_between_0_and_1(judge: DifficultyJudge, text: str) -> None:
    assert 0.0 <= judge(text) <= 1.0


@pytest.mark.parametrize("text", ["", " \n", "x" * 50_000, "你好" * 20_000, "\ud800", "a " * 50_000, "\0"])
def test_odd_texts_are_judged_too(judge: DifficultyJudge, text: str) -> None:
    assert 0.0 <= judge(text) <= 1.0


def test_same_text_always_has_the_same_difficulty(judge: DifficultyJudge) -> None:
    before = judge("Where is my parcel?")
    for number in range(200):
        judge(f"other words {number}")
    assert judge("Where is my parcel?") == before


def test_remembered_words_do_not_grow_without_end(judge: DifficultyJudge) -> None:
    vectors = WordVectors(package_folder())
    for number in range(300):
        vectors(" ".join(f"word{number}x{place}" for place in range(40)))
    assert len(vectors._tokens) <= 8_192


def test_judge_learns_which_questions_need_the_large_model() -> None:
    weights, vectors = trained(), WordVectors(package_folder())
    hard = weights.gain(features(vectors, "prove that the integral of the function converges"))
    easy = weights.gain(features(vectors, "can I return a parcel and these shoes"))
    assert hard > easy + 0.1


def test_one_question_is_judged_as_in_training() -> None:
    known = outcomes()
    places = embedded(known.prompts)
    weights, vectors = fit(places, known), WordVectors(package_folder())
    alone = [weights.gain(features(vectors, prompt)) for prompt in known.prompts]
    assert np.allclose(alone, gains(weights, places), atol=1e-4)


def test_same_outcomes_and_seed_give_the_same_weights() -> None:
    assert trained().digest() == trained().digest()


def test_model_that_always_answers_well_needs_no_other() -> None:
    known = outcomes()
    always = Outcomes(known.prompts, np.ones(120, bool), np.ones(120, bool), known.categories)
    weights = fit(embedded(known.prompts), always)
    assert abs(weights.gain(features(WordVectors(package_folder()), "anything"))) < 1e-6


def test_weights_come_back_from_their_file_with_where_they_are_from(tmp_path: Path) -> None:
    weights, path = trained(), tmp_path / "own.safetensors"
    weights.save(path, {"trained_on": "a test"})
    assert DifficultyWeights.read(path).digest() == weights.digest()


def test_packaged_weights_say_where_they_are_from() -> None:
    from safetensors import safe_open

    with safe_open(PACKAGED, "numpy") as file:
        about = file.metadata()
    assert {"trained_on", "licence", "questions", "seed", "date", "held_out", "digest", "version"} <= set(about)


def test_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "changed.safetensors"
    shutil.copy(PACKAGED, path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DifficultyUnavailable, match="not the ones that were written"):
        EmbeddingDifficulty.load(path)


def test_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DifficultyUnavailable):
        EmbeddingDifficulty.load(tmp_path / "none.safetensors")
    (tmp_path / "text").write_text("not weights")
    with pytest.raises(DifficultyUnavailable):
        EmbeddingDifficulty.load(tmp_path / "text")
    with pytest.raises(DifficultyUnavailable):
        WordVectors(tmp_path)


def test_outcomes_of_one_s_own_are_read_from_csv_and_json_lines(tmp_path: Path) -> None:
    table, lines = tmp_path / "own.csv", tmp_path / "own.jsonl"
    table.write_text("prompt,small_ok,large_ok\n" + '"Hi, you",true,0\n' * 12)
    lines.write_text('{"prompt": "Hi, you", "small_ok": true, "large_ok": false}\n' * 12)
    for path in (table, lines):
        found = read_outcomes(path)
        assert found.prompts == ["Hi, you"] * 12
        assert (bool(found.small_ok.all()), bool(found.large_ok.any())) == (True, False)


def test_command_trains_on_outcomes_of_one_s_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known, source, out = outcomes(), tmp_path / "own.jsonl", tmp_path / "own.safetensors"
    rows = zip(known.prompts, known.small_ok.tolist(), known.large_ok.tolist(), strict=True)
    lines = [json.dumps({"prompt": prompt, "small_ok": small, "large_ok": large}) for prompt, small, large in rows]
    source.write_text("\n".join(lines))
    main(["--outcomes", str(source), "--out", str(out)])
    assert "120 questions, held out: APGR" in capsys.readouterr().out
    assert 0.0 <= EmbeddingDifficulty.load(out)("Where is my parcel?") <= 1.0


@pytest.mark.parametrize("row", ["Hi,maybe,true", "Hi,true"])
def test_row_without_a_clear_outcome_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "own.csv"
    path.write_text(f"prompt,small_ok,large_ok\nHello,1,1\n{row}\n")
    with pytest.raises(ValueError, match="row 2"):
        read_outcomes(path)


def test_figures_of_a_perfect_and_of_no_order() -> None:
    known = outcomes(1_000)
    perfect = known.large_ok.astype(float) - known.small_ok
    assert apgr(recovery_curve(perfect, known)) > 0.8
    assert abs(apgr(recovery_curve(np.random.default_rng(1).random(1_000), known)) - 0.5) < 0.05
