import json
import subprocess
import sys

import pytest
import sacrebleu
import torch.distributed as dist

from rnnlab.nn.text_scores import Bleu

HYPOTHESES = ["A dog runs on the Beach.", "two men are Talking", "a child is playing, happily !"]
REFERENCES = ["A dog runs on the beach.", "Two men are talking.", "A child plays happily!"]


def test_equals_sacrebleu_on_the_whole_corpus():
    bleu = Bleu()
    bleu.update(HYPOTHESES[:2], REFERENCES[:2])
    bleu.update(HYPOTHESES[2:], REFERENCES[2:])
    cased = sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score
    lower = sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES], lowercase=True).score
    assert 0 < cased < lower < 100
    assert bleu.compute() == {"bleu": cased, "bleu_lower": lower}


def test_signatures_say_how_it_was_scored():
    bleu = Bleu()
    bleu.update(HYPOTHESES, REFERENCES)
    signatures = bleu.signatures()
    assert signatures["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert signatures["bleu_lower"].startswith("nrefs:1|case:lc|eff:no|tok:13a|smooth:exp|version:")
    assert bleu.compute()["bleu"] == sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score


def test_reset_and_extremes():
    bleu = Bleu()
    bleu.update(HYPOTHESES, REFERENCES)
    bleu.reset()
    assert bleu.compute() == {"bleu": 0.0, "bleu_lower": 0.0}
    bleu.update(REFERENCES, REFERENCES)
    assert bleu.compute() == {"bleu": pytest.approx(100), "bleu_lower": pytest.approx(100)}
    bleu.reset()
    bleu.update(["", ""], REFERENCES[:2])
    assert bleu.compute()["bleu"] == 0.0


def test_numbers_must_agree():
    with pytest.raises(ValueError, match="1 hypotheses, 2 references"):
        Bleu().update(["a"], ["a", "b"])


WORKER = """
import json, sys
import torch.distributed as dist
from rnnlab.nn.text_scores import Bleu

store, rank, pairs = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
bleu = Bleu()
bleu.update([pair[0] for pair in pairs], [pair[1] for pair in pairs])
print(bleu.compute()["bleu"])
dist.destroy_process_group()
"""


@pytest.mark.ddp
@pytest.mark.skipif(not dist.is_available(), reason="torch was built without distributed")
def test_every_process_has_the_score_of_all_sentences(tmp_path):
    pairs = [*zip(HYPOTHESES, REFERENCES, strict=True)]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path / "store"), str(rank), json.dumps(mine)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank, mine in enumerate([pairs[:1], pairs[1:]])
    ]
    scores = [float(worker.communicate(timeout=120)[0]) for worker in workers]
    expected = sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score
    assert scores == [pytest.approx(expected)] * 2
