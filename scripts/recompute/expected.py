"""The scalars that a run has to have logged, from what was dumped of it."""

import re
from collections import defaultdict
from math import inf, log

import torch
from torch import nn

from recompute.curves import curve_numbers
from recompute.dump import Dump
from recompute.loops import GATES, in_loops, run

KERNELS = {"input": "weight_ih_l0", "recurrent": "weight_hh_l0", "bias": "bias_hh_l0"}
MEASURED = ("time/tokens", "time/data")
"""What a clock said cannot be computed again."""


class Expected:
    """Computes scalars by tag and step.

    Args:
        cfg: The run's configuration.
        module: A model of it, whatever its weights are.
        dumps: Of each process.
    """

    def __init__(self, cfg: dict, module: nn.Module, dumps: list[Dump]) -> None:
        self.cfg, self.dumps = cfg, dumps
        self.copy, self.calls, self.others = in_loops(module)
        self.copy.eval()
        self.layers = {name: self.copy.get_submodule(name) for name in self.calls}
        self.scalars: dict[str, dict[int, float]] = defaultdict(dict)
        trainer, self.nodes = cfg["trainer"], cfg["diagnostics"] or {}
        self.limit = trainer["gradient_clip_val"]
        self.by_value = trainer.get("gradient_clip_algorithm") == "value"
        self.clip = self.limit and not self.by_value
        self.intervals = {k: v["every_n_steps"] for k, v in self.nodes.items() if _periodic(v)}
        self.writes = [trainer["log_every_n_steps"], *self.intervals.values()]

    def all(self) -> dict[str, dict[int, float]]:
        """Everything: tag -> step -> value."""
        first, last = self.dumps[0], max(self.dumps[0].steps)
        seen, clipped = [], []
        for number, step in sorted(first.steps.items()):
            if number - 1 in first.starts:
                seen, clipped = [], []  # another process has written, or lost, what was before
            self._step(number, step, seen, clipped)
            if number == last or any(_due(number, n) for n in self.writes):
                self._write(number, step, seen, clipped)
                seen, clipped = [], []
        for number, found in first.validations.items():
            passes = [dump.validations[number] for dump in self.dumps]
            for name, value in self._evaluate(found.weights, passes).items():
                self.scalars[f"val/{name}"][number] = value
            if "attention" in self.nodes:
                self._attention(number, found)
        for name, value in self._evaluate(first.test.weights, [d.test for d in self.dumps]).items():
            self.scalars[f"test/{name}"][last] = value
        return self.scalars

    def _due(self, name: str, number: int) -> bool:
        return name in self.intervals and _due(number, self.intervals[name])

    def _step(self, number, step, seen, clipped):
        """One optimiser step: losses, gradients, and all that instruments say of it."""
        norms = {}
        self.copy.zero_grad()
        for rank, dump in enumerate(self.dumps):
            own = dump.steps[number]
            self.load(own.before)
            states = own.carried.get(True, ())  # of training; the copy is in evaluation mode
            doubled = tuple(tuple(part.double() for part in state) for state in states)
            self.copy._tbptt._states = {False: doubled}
            for place, batch in enumerate(own.batches):
                loss = self._loss(batch)
                if rank == 0:
                    seen.append((float(loss.detach()), batch))
                first = rank == 0 and place == 0
                if first and self._due("saturation", number):
                    self._gates(number, batch)
                share = len(own.batches) * len(self.dumps)
                (loss / share).backward()
                if first and self._due("time_flow", number):
                    self._curves("flow", number, self._norms(share))
                if first and self._due("input_flow", number):
                    self._curves("input_flow", number, self._input_norms(share))
        total = _norm(p.grad for p in self.copy.parameters() if p.grad is not None)
        if self.clip:
            clipped.append(total > self.limit)
        if self._due("weight_flow", number):
            norms |= {"total": total, **self._gradients()}
            if self.clip:
                norms["total_clipped"] = min(total, self.limit)
            elif self.by_value:
                grads = [p.grad for p in self.copy.parameters() if p.grad is not None]
                norms["total_clipped"] = _norm(g.clamp(-self.limit, self.limit) for g in grads)
            self._updates(number, step)
        elif self.clip:
            norms["total"] = total
        for name, value in norms.items():
            self.scalars[f"grad/{name}"][number] = value
        if self._due("memory", number):
            self._memory(number, self.dumps[0].steps[number].before)

    def load(self, weights):
        """Weights of the copy, without the caches of layers."""
        self.copy.load_state_dict({name: value.double() for name, value in weights.items()})

    def _loss(self, batch):
        for calls in (*self.calls.values(), *self.others.values()):
            calls.clear()
        doubled = _double(batch)
        return self.copy.task.loss(self.copy._tbptt.encode(self.copy.encoder, doubled), doubled)

    def _write(self, number, step, seen, clipped):
        """What the board adds up, and the clock's padding."""
        self.scalars["train/loss"][number] = sum(loss for loss, _ in seen) / len(seen)
        self.scalars["train/lr"][number] = step.lr
        if clipped:
            self.scalars["grad/clipped"][number] = sum(clipped) / len(clipped)
        if any(_due(number, n) for n in self.writes):
            real = sum(int(batch.lengths.sum()) for _, batch in seen)
            padded = sum(batch.inputs.shape[0] * batch.inputs.shape[1] for _, batch in seen)
            self.scalars["time/padding"][number] = padded / real
        if "grad/total" in self.scalars and not self.clip:
            return
        written = [s for s in sorted(self.scalars["grad/total"]) if s < number]
        for between in written[::-1]:  # the last of a key counts
            if not any(_due(between, n) for n in self.writes):
                del self.scalars["grad/total"][between]

    def _input_norms(self, share):
        """Of the gradients at all inputs of the last pass, by layer: sequences of norms."""
        return {
            short(name): [
                [norm * share for norm in row] for call in calls for row in call.input_norms()
            ]
            for name, calls in {**self.calls, **self.others}.items()
        }

    def _norms(self, share):
        """Of the gradients at all states of the last pass, by layer: sequences of norms."""
        result = {}
        for name, calls in self.calls.items():
            for part in range(len(calls[0].initial[0])):
                rows = [row for call in calls for row in call.norms(part)]
                key = short(name) if part == 0 else f"{short(name)}/cell"
                result[key] = [[share * norm for norm in row] for row in rows]
        return result

    def _curves(self, kind, number, norms):
        for name, sequences in norms.items():
            for what, value in curve_numbers(sequences).items():
                self.scalars[f"{kind}/{name}/{what}"][number] = value

    def _gradients(self):
        result = {}
        for prefix, part in self.copy.named_modules():
            name = short(prefix)
            gates = GATES.get(type(part).__name__)
            if gates is None:
                grads = [p.grad for p in part.parameters(recurse=False) if p.grad is not None]
                if grads:
                    result[name] = _norm(grads)
                continue
            for kernel, parameter in KERNELS.items():
                blocks = getattr(part, parameter).grad.chunk(len(gates))
                for gate, block in zip(gates, blocks, strict=True):
                    result[f"{name}/{kernel}/{gate}"] = float(block.norm())
        return result

    def _updates(self, number, step):
        groups = defaultdict(list)
        for name, parameter in self.copy.named_parameters(remove_duplicate=False):
            if parameter.grad is not None:
                groups[short(name.rpartition(".")[0])].append(name)
        for group, names in groups.items():
            after = [step.after[name].double() for name in names]
            changes = [new - step.before[name] for name, new in zip(names, after, strict=True)]
            self.scalars[f"update/{group}"][number] = _norm(changes) / _norm(after)

    def _gates(self, number, batch):
        for name, calls in self.calls.items():
            values, norms = defaultdict(list), defaultdict(list)
            for call in calls:
                decodes = name.startswith("task.") and batch.target_lengths is not None
                ends = (batch.target_lengths - 1).tolist() if decodes else [None] * len(call.states)
                for states, gates, end in zip(call.states, call.gates, ends, strict=True):
                    for state, value in zip(states[:end], gates[:end], strict=True):
                        for gate, numbers in value.items():
                            values[gate] += numbers.tolist()
                        for part, vector in zip("hc", state, strict=False):
                            norms[part].append(float(vector.detach().norm()))
            for what, value in _shares(values, norms).items():
                self.scalars[f"gate/{short(name)}/{what}"][number] = value

    def _memory(self, number, weights):
        """v^T dh_T/ds_t for the same random v, one sequence and one v at a time."""
        node, probe = self.nodes["memory"], self.dumps[0].probe
        self.load(weights)
        count = node["sequences"]
        inputs, lengths = probe.inputs[:count], probe.lengths[:count]
        for calls in self.calls.values():
            calls.clear()
        with torch.no_grad():
            self.copy.encoder(_number(inputs), lengths, probe.words)
        read = {n: calls[0] for n, calls in self.calls.items() if n.startswith("encoder.layers.")}
        norms = {}
        for name, call in read.items():
            layer = self.layers[name]
            size, directions = layer.hidden_size, torch.Generator().manual_seed(0)
            v = torch.randn(node["probes"], len(lengths), size, generator=directions).double()
            squares = defaultdict(list)
            for row, (x, start) in enumerate(zip(call.inputs, call.initial, strict=True)):
                rows = [[0.0] * len(x) for _ in start]
                for direction in v[:, row]:
                    states, _ = run(layer, x, tuple(p.clone().requires_grad_() for p in start))
                    (states[-1][0] @ direction).backward()
                    for t, state in enumerate(states):
                        for part, vector in enumerate(state):
                            grad = 0.0 if vector.grad is None else float(vector.grad.norm() ** 2)
                            rows[part][t] += grad / node["probes"]
                for part, values in enumerate(rows):
                    squares[part].append([value**0.5 for value in values])
            for part, rows in squares.items():
                norms[short(name) if part == 0 else f"{short(name)}/cell"] = rows
        self._curves("memory", number, norms)

    def _attention(self, number, found):
        """Mean entropy of the attention on the first batch of a validation, in nats."""
        (batch, *_), task = found.batches, self.copy.task
        self.load(found.weights)
        with torch.no_grad():
            encoded = self.copy.encoder(_number(batch.inputs), batch.lengths, batch.words)
            attention = task.attention_map(encoded, batch)
        if attention is None:
            return
        rows = [
            row.tolist()
            for rows, labels in zip(attention.weights, attention.rows, strict=True)
            for row in rows[: len(labels)]
        ]
        entropies = [-sum(p * log(p) for p in row if p > 0) for row in rows]
        self.scalars["attention/entropy"][number] = sum(entropies) / len(entropies)

    def _evaluate(self, weights, passes):
        """Loss of each unit, and a classifier's scores by counting."""
        self.load(weights)
        total = units = 0.0
        pairs = []
        with torch.no_grad():
            for batch in (batch for each in passes for batch in each.batches):
                count = float(self.copy.task.units(batch))
                total += float(self._loss(batch)) * count
                units += count
                if batch.target.dim() == 1:
                    encoded = self.copy.encoder(_number(batch.inputs), batch.lengths, batch.words)
                    answers = self.copy.task.logits(encoded).argmax(1)
                    pairs += zip(batch.target.tolist(), answers.tolist(), strict=True)
        return {"loss": total / units, **_scores(pairs)}


def _scores(pairs):
    if not pairs:
        return {}
    labels = sorted({label for pair in pairs for label in pair})
    recalls, f1 = [], []
    for label in labels:
        right = sum(a == b == label for a, b in pairs)
        true, said = sum(a == label for a, _ in pairs), sum(b == label for _, b in pairs)
        f1.append(2 * right / (true + said))
        recalls += [right / true] if true else []
    accuracy = sum(a == b for a, b in pairs) / len(pairs)
    balanced = sum(recalls) / len(recalls)
    return {"accuracy": accuracy, "f1": sum(f1) / len(f1), "balanced_accuracy": balanced}


def _shares(values, norms):
    result = {}
    for gate, numbers in values.items():
        if gate in ("cell", "new", "hidden", "state"):
            result[f"{gate}/saturated"] = sum(abs(n) > 0.97 for n in numbers) / len(numbers)
            continue
        mean = sum(numbers) / len(numbers)
        result[f"{gate}/low"] = sum(n < 0.05 for n in numbers) / len(numbers)
        result[f"{gate}/high"] = sum(n > 0.95 for n in numbers) / len(numbers)
        result[f"{gate}/mean"] = mean
        if gate in ("forget", "update"):
            result["memory"] = -1 / log(mean) if mean < 1 else inf
    return result | {f"{part}/norm": sum(n) / len(n) for part, n in norms.items()}


def _periodic(node):
    return isinstance(node, dict) and "every_n_steps" in node


def _due(number, interval):
    return number == 1 or number % interval == 0


def _norm(tensors):
    return sum(float(t.double().square().sum()) for t in tensors) ** 0.5


def _number(inputs):
    return inputs.double() if inputs.is_floating_point() else inputs


def _double(batch):
    fields = ("inputs", "target")
    changed = {name: _number(getattr(batch, name)) for name in fields}
    others = ("lengths", "target_lengths", "tokens", "words", "target_tokens", "carry", "share")
    return type(batch)(**changed, **{name: getattr(batch, name) for name in others})


def short(name):
    """`encoder.layers.0.forward_layer` is `encoder.0.forward`."""
    name = name.replace(".layers.", ".")
    return re.sub(r"(forward|backward)_layer", r"\1", name)
