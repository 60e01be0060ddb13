"""A training that starts from another one, of the same or of other classes."""

import pytest
import torch

from swinx.labels import read_label_set
from swinx.networks import SwinXSeg, load_pretrained, match_output_rows, save_weights

SMALL = {"embed_dim": 12, "depths": (1, 1, 1, 1), "num_heads": (1, 1, 2, 2), "decoder_channels": 8}
OLD = read_label_set({"background": 0, "liver": 1, "spleen": 2, "left kidney": 3})
NEW = read_label_set({"background": 0, "nodule": 1, "kidney_left": 2, "liver": 3, "lung": 4, "spleen": 5})


def network(label_set, **changes):
    return SwinXSeg(out_channels=label_set.num_classes, **{**SMALL, **changes})


@pytest.fixture
def old(tmp_path):
    trained = network(OLD)
    save_weights(trained, tmp_path / "old.pt")
    return trained, tmp_path / "old.pt"


def test_rows_follow_the_names_of_classes():
    assert match_output_rows(OLD, NEW) == [0, None, 3, 1, None, 2]


@pytest.mark.parametrize(
    "wanted", [OLD, NEW, read_label_set({"background": 0, "spleen": 1})], ids=["same", "more", "fewer"]
)
def test_known_classes_are_told_as_before_and_new_ones_are_as_initialised(old, wanted):
    trained, path = old
    student = network(wanted)
    initial = {name: tensor.clone() for name, tensor in student.state_dict().items() if name.startswith("out.")}
    load_pretrained(student, path, wanted, OLD)
    image = torch.rand(1, 1, 32, 32, 32)
    with torch.no_grad():
        before, after = trained.eval()(image), student.eval()(image)
    for label, row in enumerate(match_output_rows(OLD, wanted)):
        if row is not None:
            torch.testing.assert_close(after[:, label], before[:, row])
        else:
            for name, tensor in initial.items():
                assert torch.equal(student.state_dict()[name][label], tensor[label])


def test_what_is_new_renamed_and_left_out_is_told_with_true_shares(old, caplog, capsys):
    caplog.set_level("INFO")
    wanted = network(NEW)
    report = load_pretrained(wanted, old[1], NEW, OLD)
    assert "new and initialised at random: nodule, lung" in caplog.text
    assert "3 classes are taken over by name" in caplog.text
    assert "known by another name: none" in caplog.text
    rows = sum(tensor[:2].numel() for name, tensor in wanted.named_parameters() if name.startswith("out."))
    total = sum(tensor.numel() for tensor in wanted.parameters())
    assert report.total_fraction == pytest.approx(1 - rows / total)
    assert (report.source, report.encoder_fraction) == (str(old[1]), 1.0)
    told = capsys.readouterr().err
    assert "state dictionary" not in told
    assert "of the network's" not in told, "a share would round to 100 %"
    before = sum(not name.startswith("out.") for name in report.matched)
    assert f"{old[1]}: 3 classes are taken over by name, and {before} tensors before the output layer;" in caplog.text


def test_a_class_that_is_known_by_another_name_is_told(old, caplog):
    caplog.set_level("INFO")
    own = read_label_set({"background": 0, "hepar": 1, "spleen": 2, "left kidney": 3})
    wanted = read_label_set(
        {"labels": {"background": 0, "spleen": 1, "liver": 2}, "classes": {"liver": {"aliases": ["hepar"]}}}
    )
    rows = match_output_rows(own, wanted)
    student = network(wanted)
    load_pretrained(student, old[1], wanted, own)
    assert rows == [0, 2, 1]
    assert "known by another name: liver as hepar; new" in caplog.text
    assert "left out: left kidney" in caplog.text


@pytest.mark.parametrize("own", [None, OLD], ids=["of unknown classes", "with another decoder"])
def test_anything_else_gives_its_encoder(old, own, caplog):
    trained, path = old
    student = network(OLD, decoder_channels=8 if own is None else 4)
    decoder = student.out.conv.conv.weight.clone()
    load_pretrained(student, path, OLD, own)
    assert f"{path}: the encoder alone is taken over, and the decoder starts at random" in caplog.text
    assert ("no record beside it" if own is None else "its decoder has other shapes") in caplog.text
    assert torch.equal(student.out.conv.conv.weight, decoder)
    for ours, theirs in zip(student.encoder.parameters(), trained.encoder.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_checkpoint_without_a_decoder_loses_none(tmp_path, caplog):
    trained = network(OLD)
    torch.save({f"encoder.{name}": tensor for name, tensor in trained.encoder.state_dict().items()}, tmp_path / "e.pt")
    load_pretrained(network(NEW), tmp_path / "e.pt", NEW)
    assert "decoder" not in caplog.text
