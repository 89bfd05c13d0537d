from itertools import pairwise, product

import pytest
import torch
import torchcrf
from hypothesis import given
from hypothesis import strategies as st

from pairs import pairs
from rnnlab.data.batch import IGNORE, valid_mask
from rnnlab.nn import chain
from rnnlab.nn.chain import LogSums, ScaledSums, renormalise_every
from rnnlab.nn.crf import CRF
from rnnlab.nn.rules import Rules, entity_rules

IOB = ["O", "B-A", "I-A", "B-B", "I-B"]


def make(tags, *, spread=1.0, rules=None, seed=0, dtype=torch.float64):
    torch.manual_seed(seed)
    crf = CRF(tags, rules=rules).to(dtype)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.normal_(std=spread)
    return crf


def draw(lengths, tags, *, spread=1.0, seed=0, extra=0, dtype=torch.float64):
    """Emissions, gold tags (IGNORE in the padding) and lengths."""
    generator = torch.Generator().manual_seed(seed)
    steps = max(lengths) + extra
    shape = (len(lengths), steps)
    emissions = spread * torch.randn(*shape, tags, generator=generator, dtype=dtype)
    gold = torch.randint(tags, shape, generator=generator)
    lengths = torch.tensor(lengths)
    return emissions, gold.masked_fill(~valid_mask(lengths, steps), IGNORE), lengths


def allowed(rules, path):
    return (
        bool(rules.start[path[0]])
        and bool(rules.end[path[-1]])
        and all(rules.pairs[a, b] for a, b in pairwise(path))
    )


def every_path(crf, emissions, length, rules=None):
    """All sequences of a sentence and their scores, by the definition."""
    tags = emissions.shape[1]
    paths = [p for p in product(range(tags), repeat=length) if not rules or allowed(rules, p)]
    scores = []
    for path in paths:
        score = crf.start[path[0]] + crf.end[path[-1]]
        for step, tag in enumerate(path):
            score = score + emissions[step, tag]
        for before, tag in pairwise(path):
            score = score + crf.transitions[before, tag]
        scores.append(score)
    return paths, torch.stack(scores)


def slow_nll(crf, emissions, gold, lengths):
    losses = []
    for row, length in enumerate(lengths.tolist()):
        paths, scores = every_path(crf, emissions[row], length)
        losses.append(scores.logsumexp(0) - scores[paths.index(tuple(gold[row, :length].tolist()))])
    return torch.stack(losses)


SPACES = ["scaled", "scaled often", "log"]
"""All ways to sum: in scaled space as it comes or renormalised each step, on logarithms."""


@pytest.fixture(params=SPACES)
def space(request, monkeypatch):
    sum_in(request.param, monkeypatch)


def sum_in(space, monkeypatch):
    every = {"scaled often": 1, "log": 0}
    if space in every:
        monkeypatch.setattr(chain, "renormalise_every", lambda *_: every[space])


def other(crf):
    """The same model by pytorch-crf."""
    made = torchcrf.CRF(len(crf.start), batch_first=True).to(crf.start.dtype)
    with torch.no_grad():
        made.start_transitions.copy_(crf.start)
        made.transitions.copy_(crf.transitions)
        made.end_transitions.copy_(crf.end)
    return made


@pytest.mark.parametrize("lengths", [[1], [4], [1, 1], [3, 1, 4, 2]], ids=str)
def test_loss_and_gradients_equal_brute_force(lengths, space):
    crf = make(3)
    emissions, gold, lengths = draw(lengths, 3)
    emissions.requires_grad_()
    weight = torch.arange(1.0, 1.0 + len(lengths), dtype=torch.float64)
    inputs = [emissions, *crf.parameters()]
    mine, slow = crf.nll(emissions, gold, lengths), slow_nll(crf, emissions, gold, lengths)
    torch.testing.assert_close(mine, slow)
    expected = torch.autograd.grad(slow @ weight, inputs, allow_unused=True)
    for found, wanted in zip(torch.autograd.grad(mine @ weight, inputs), expected, strict=True):
        zero = torch.zeros_like(found)  # one step has no transition
        torch.testing.assert_close(found, zero if wanted is None else wanted)


@pytest.mark.parametrize("rules", [None, entity_rules(IOB)], ids=["free", "iob2"])
def test_partition_marginals_and_best_path_equal_brute_force(rules, space):
    crf = make(5, rules=rules)
    emissions, _, lengths = draw([4, 1, 2, 3], 5, extra=1)
    total = chain.sums(*_arranged(crf, emissions, lengths)).log_partition
    marginals = crf.marginals(emissions, lengths)
    best = crf.decode(emissions, lengths)
    for row, length in enumerate(lengths.tolist()):
        everything = every_path(crf, emissions[row], length)[1]
        torch.testing.assert_close(total[row], everything.logsumexp(0))
        paths, scores = every_path(crf, emissions[row], length, rules)
        expected = torch.zeros(5, 5, dtype=torch.float64)
        for path, share in zip(paths, scores.softmax(0), strict=True):
            for step, tag in enumerate(path):
                expected[step, tag] += share
        torch.testing.assert_close(marginals[row], expected)
        assert best[row].tolist() == [*paths[int(scores.argmax())], *[5] * (5 - length)]


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.integers(1, 4),
    st.sampled_from([0.1, 3.0, 30.0]),
    st.integers(0, 99),
)
def test_decoding_equals_brute_force(lengths, tags, spread, seed):
    crf = make(tags, seed=seed)
    emissions, _, lengths = draw(lengths, tags, spread=spread, seed=seed)
    best = crf.decode(emissions, lengths)
    for row, length in enumerate(lengths.tolist()):
        paths, scores = every_path(crf, emissions[row], length)
        assert best[row, :length].tolist() == list(paths[int(scores.argmax())])


def test_gradcheck(space):
    crf = make(3)
    emissions, gold, lengths = draw([3, 1, 2], 3)
    parameters = [p.detach().requires_grad_() for p in crf.parameters()]

    def loss(emissions, *values):
        return torch.func.functional_call(
            crf, dict(zip(["start", "transitions", "end"], values, strict=True)), ()
        )

    crf.forward = lambda: crf.nll(emissions, gold, lengths)
    assert torch.autograd.gradcheck(loss, (emissions.requires_grad_(), *parameters))


@pytest.mark.parametrize(
    ("tags", "space", "dtype"), pairs([1, 2, 9, 17], SPACES, [torch.float32, torch.float64])
)
def test_everything_equals_pytorch_crf(tags, dtype, space, monkeypatch):
    sum_in(space, monkeypatch)
    crf = make(tags, spread=2.0, dtype=dtype)
    theirs = other(crf)
    emissions, gold, lengths = draw([37, 1, 12, 60, 12], tags, spread=4.0, dtype=dtype)
    one, two = emissions.clone().requires_grad_(), emissions.clone().requires_grad_()
    mask = valid_mask(lengths, 60)
    loss = crf.nll(one, gold, lengths)
    expected = -theirs(two, gold.clamp(min=0), mask, reduction="none")
    close = {"rtol": 1e-5, "atol": 1e-3} if dtype == torch.float32 else {}
    torch.testing.assert_close(loss, expected, **close)
    loss.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(one.grad, two.grad, **close)
    torch.testing.assert_close(crf.start.grad, theirs.start_transitions.grad, **close)
    torch.testing.assert_close(crf.transitions.grad, theirs.transitions.grad, **close)
    torch.testing.assert_close(crf.end.grad, theirs.end_transitions.grad, **close)
    best = crf.decode(emissions, lengths).tolist()
    cut = [row[:length] for row, length in zip(best, lengths.tolist(), strict=True)]
    assert cut == theirs.decode(emissions, mask)


@pytest.mark.parametrize("noise", [float("nan"), float("inf"), -1e30, 7.0])
def test_padding_has_no_influence(noise):
    rules = entity_rules(IOB)
    crf = make(5, rules=rules)
    emissions, gold, lengths = draw([4, 2, 1], 5)
    longer = torch.full((3, 7, 5), noise, dtype=torch.float64)
    ids = torch.full((3, 7), IGNORE)
    for row, length in enumerate(lengths.tolist()):
        longer[row, :length], ids[row, :length] = emissions[row, :length], gold[row, :length]
    emissions.requires_grad_()
    longer.requires_grad_()
    one, two = crf.nll(emissions, gold, lengths), crf.nll(longer, ids, lengths)
    torch.testing.assert_close(one, two)
    (short_grad,) = torch.autograd.grad(one.sum(), emissions)
    (long_grad,) = torch.autograd.grad(two.sum(), longer)
    torch.testing.assert_close(long_grad[:, :4], short_grad)
    assert not long_grad[:, 4:].any()
    assert not short_grad[~valid_mask(lengths, 4)].any()
    assert torch.equal(crf.decode(longer, lengths)[:, :4], crf.decode(emissions, lengths))
    marginals = crf.marginals(longer, lengths)
    torch.testing.assert_close(marginals[:, :4], crf.marginals(emissions, lengths))
    assert not marginals[:, 4:].any()


@given(
    st.sampled_from([0.0, 0.3, 3.0, 10.0, 100.0, 1e4]),
    st.sampled_from([0.0, 1.0, 5.0, 30.0, 1e4]),
    st.integers(0, 9),
)
def test_float32_is_right_whatever_the_size_of_the_potentials(unary, pairs, seed):
    """Scaled or logarithmic, as the range asks for: like logarithms in float64."""
    crf = make(9, spread=pairs, seed=seed)
    emissions, gold, lengths = draw([40, 3, 21, 1], 9, spread=unary, seed=seed)
    exact = emissions.clone().requires_grad_()
    mask = valid_mask(lengths, 40)
    wanted = -other(crf)(exact, gold.clamp(min=0), mask, reduction="none")
    wanted.sum().backward()
    rounded = emissions.float().requires_grad_()
    loss = crf.float().nll(rounded, gold, lengths)
    loss.sum().backward()
    # potentials themselves are rounded, relative to their size
    size = max(1.0, emissions.abs().max().item(), crf.transitions.abs().max().item())
    torch.testing.assert_close(loss.double(), wanted, rtol=0, atol=1e-5 * 40 * size)
    torch.testing.assert_close(rounded.grad.double(), exact.grad, rtol=0, atol=2e-5 * size)
    assert torch.isfinite(crf.transitions.grad).all()


def _arranged(crf, emissions, lengths):
    unary = emissions.transpose(0, 1).clone()
    unary[0] += crf.start.detach()
    unary[lengths - 1, torch.arange(len(lengths))] += crf.end.detach()
    return unary, crf.transitions.detach(), lengths


def test_scaled_space_is_left_where_it_would_not_do():
    assert renormalise_every(0.0, 9, torch.float32) > 5
    assert renormalise_every(10.0, 9, torch.float32) >= 1
    assert renormalise_every(80.0, 9, torch.float32) == 0
    assert renormalise_every(80.0, 9, torch.float64) >= 1
    for strange in (float("nan"), float("inf")):
        assert renormalise_every(strange, 9, torch.float32) == 0
    kinds = []
    for spread in (1.0, 1e3):
        crf = make(9, spread=spread, dtype=torch.float32)
        emissions, _, lengths = draw([5, 2], 9, dtype=torch.float32)
        kinds.append(type(chain.sums(*_arranged(crf, emissions, lengths))))
    assert kinds == [ScaledSums, LogSums]


def test_no_overflow_without_a_range_and_over_thousands_of_steps():
    crf = make(17, spread=0.0, dtype=torch.float32)
    emissions = torch.zeros(2, 4000, 17)
    lengths = torch.tensor([4000, 3])
    total = chain.sums(*_arranged(crf, emissions, lengths)).log_partition
    torch.testing.assert_close(total, lengths * torch.tensor(17.0).log(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_emissions_are_summed_in_float32(dtype):
    crf = make(9, dtype=torch.float32)
    emissions, gold, lengths = draw([30, 7, 1], 9, dtype=torch.float32)
    emissions = emissions.to(dtype)
    expected = crf.nll(emissions.float(), gold, lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = emissions.clone().requires_grad_()
        loss = crf.nll(rounded, gold, lengths)
        assert torch.equal(loss, expected)
        assert loss.dtype == torch.float32
        loss.sum().backward()  # under autocast too
        assert torch.equal(
            crf.marginals(emissions, lengths), crf.marginals(emissions.float(), lengths)
        )
        assert torch.equal(crf.decode(emissions, lengths), crf.decode(emissions.float(), lengths))
    assert rounded.grad.dtype == dtype
    gradient = crf.transitions.grad.clone()
    crf.zero_grad()
    crf.nll(emissions.float(), gold, lengths).sum().backward()
    assert torch.equal(crf.transitions.grad, gradient)


def test_learns_an_order_that_no_emission_shows():
    """Emissions are silent: a b c a b c can only be known by the transitions."""
    crf = make(3, spread=0.1)
    gold = torch.tensor([[0, 1, 2, 0, 1, 2], [0, 1, 2, 0, IGNORE, IGNORE]])
    lengths = torch.tensor([6, 4])
    emissions = torch.zeros(2, 6, 3, dtype=torch.float64)
    optimizer = torch.optim.Adam(crf.parameters(), lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        crf.nll(emissions, gold, lengths).sum().backward()
        optimizer.step()
    assert crf.decode(emissions, lengths).tolist() == [[0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 3, 3]]
    sure = crf.marginals(emissions, lengths)[0].max(1)
    assert sure.indices.tolist() == [0, 1, 2, 0, 1, 2]
    assert sure.values.min() > 0.9


def test_rules_hold_against_the_strongest_emissions():
    crf = make(5, rules=entity_rules(IOB))
    emissions = torch.zeros(1, 3, 5, dtype=torch.float64)
    emissions[..., IOB.index("I-A")] = 1e3  # I-A I-A I-A is no sequence
    (best,) = crf.decode(emissions, torch.tensor([3])).tolist()
    assert [IOB[tag] for tag in best][1:] == ["I-A", "I-A"]
    assert IOB[best[0]] == "B-A"
    marginals = crf.marginals(emissions, torch.tensor([3]))
    assert marginals[0, 0, IOB.index("I-A")] == 0
    torch.testing.assert_close(marginals.sum(2), torch.ones(1, 3, dtype=torch.float64))
    assert torch.isfinite(
        crf.nll(emissions, torch.zeros(1, 3, dtype=torch.long), torch.tensor([3]))
    )


def test_rules_are_no_part_of_a_checkpoint():
    free, ruled = CRF(5), CRF(5, rules=entity_rules(IOB))
    assert free.state_dict().keys() == ruled.state_dict().keys() == {"start", "transitions", "end"}


@given(st.lists(st.sampled_from(["A", "B-C"]), max_size=3, unique=True), st.booleans())
def test_rules_admit_exactly_the_valid_sequences(types, closed):
    parts = "BIES" if closed else "BI"
    tags = ["O", *(f"{part}-{kind}" for kind in types for part in parts)]
    rules = entity_rules(tags)
    for length in (1, 2, 3):
        for path in product(range(len(tags)), repeat=length) if len(tags) < 10 else []:
            text = [tags[at] for at in path]
            assert allowed(rules, path) == (
                valid_bioes(text) if closed and types else valid_iob2(text)
            )


def valid_iob2(tags):
    before = "O"
    for tag in tags:
        if tag[0] == "I" and (before == "O" or before[2:] != tag[2:]):
            return False
        before = tag
    return True


def valid_bioes(tags):
    opened = None
    for tag in tags:
        if (tag[0] in "IE") != (opened is not None) or (opened is not None and tag[2:] != opened):
            return False
        opened = tag[2:] if tag[0] in "BI" else None
    return opened is None


def test_rules_are_named_by_their_place():
    rules = entity_rules(["O", "B-A", "I-A"])
    assert isinstance(rules, Rules)
    assert rules.start.tolist() == [True, True, False]
    assert rules.pairs.tolist() == [[True, True, False], [True, True, True], [True, True, True]]
    assert rules.end.tolist() == [True, True, True]


def test_an_empty_sequence_has_one_labelling(space):
    crf = make(3)
    emissions, gold, lengths = draw([2, 0, 3, 0], 3)
    emissions.requires_grad_()
    losses = crf.nll(emissions, gold, lengths)
    there = [part.detach()[[0, 2]] for part in (emissions, gold, lengths)]
    torch.testing.assert_close(losses[[0, 2]], slow_nll(crf, *there))
    assert losses[[1, 3]].tolist() == [0.0, 0.0]
    losses.sum().backward()
    assert not emissions.grad[[1, 3]].any()
    alone = make(3)
    slow_nll(alone, *there).sum().backward()
    for one, other in zip(crf.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    assert not crf.marginals(emissions, lengths)[[1, 3]].any()
    assert (crf.decode(emissions, lengths)[[1, 3]] == 3).all()


ENTITIES = ["B-A", "E-A", "I-A"]
"""Of BIOES, without O and S: no sequence of one step, and none that ends in the middle."""


def test_where_rules_allow_no_sequence_they_do_not_apply(space):
    rules = entity_rules(ENTITIES)
    ruled, free = make(3, rules=rules), make(3)
    emissions, _, lengths = draw([1, 4, 2, 1, 3], 3, spread=2.0)
    marginals, paths = ruled.marginals(emissions, lengths), ruled.decode(emissions, lengths)
    assert marginals.isfinite().all()
    for row, length in enumerate(lengths.tolist()):
        given = None if length == 1 else rules
        found, scores = every_path(free, emissions[row], length, given)
        best = found[int(scores.argmax())]
        assert paths[row, :length].tolist() == list(best)
        exact = torch.zeros(length, 3, dtype=torch.float64)
        for path, share in zip(found, scores.softmax(0), strict=True):
            for step, tag in enumerate(path):
                exact[step, tag] += share
        torch.testing.assert_close(marginals[row, :length], exact)
        torch.testing.assert_close(marginals[row].sum(), torch.tensor(float(length)).double())


def test_rules_that_allow_only_some_lengths():
    """A cycle of three tags: as many steps as threes."""
    pairs_allowed = torch.tensor([[0, 1, 0], [0, 0, 1], [1, 0, 0]]).bool()
    ends = torch.tensor([0, 0, 1]).bool(), torch.tensor([1, 0, 0]).bool()
    crf = make(3, rules=Rules(start=ends[1], pairs=pairs_allowed, end=ends[0]))
    emissions, _, lengths = draw([1, 2, 3, 4, 5, 6], 3)
    assert crf.penalties.possible(7).tolist() == [n % 3 == 0 for n in range(8)]
    paths = crf.decode(emissions, lengths)
    assert paths[2, :3].tolist() == [0, 1, 2]
    assert paths[5].tolist() == [0, 1, 2, 0, 1, 2]
    free = make(3).decode(emissions, lengths)
    assert torch.equal(paths[[0, 1, 3, 4]], free[[0, 1, 3, 4]])
