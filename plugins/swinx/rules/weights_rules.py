"""Rules about weights, models and scans that a user hands to a run."""

from __future__ import annotations

from swinx.rules.rule import Rule, Rules

__all__ = ["ModelRules", "ScanInputRules", "WeightsRules"]

_RUNS = "inference, evaluation, export, packing with weights"


class WeightsRules(Rules):
    """Settings and classes of a run against those of the training of its weights."""

    NO_RECORD = Rule(
        "warned",
        _RUNS,
        "there is no record {record} beside the weights: voxel size, window and classes are those of the configuration",
    )
    OTHER_NETWORK = Rule(
        "refused",
        _RUNS,
        "{path}: {name} is {given}, and these weights were trained with {recorded}; leave {name} out, or give other "
        "weights",
    )
    OTHER_PREPROCESSING = Rule(
        "warned",
        _RUNS,
        "{path}: {name} is {given}, and these weights were trained with {recorded}: the labels get worse the more they "
        "differ; leave {name} out for that of the training",
    )
    PRETRAINED_OTHERWISE = Rule(
        "warned",
        "training from other weights",
        "{path}: {name} is {given}, and these weights were pretrained with {recorded}: they help less the more these "
        "differ",
    )
    ENCODER_ONLY = Rule(
        "warned",
        "training from a whole network",
        "{path}: the encoder alone is taken over, and the decoder starts at random, since {reason}",
    )
    OTHER_CLASSES = Rule(
        "refused",
        _RUNS,
        "{path}: the label set given is not that of these weights: {difference}; leave labels out, or give other "
        "weights",
    )
    ROWS = Rule(
        "warned",
        "training from a whole network",
        "{path}: {matched} classes are taken over by name, and {tensors} tensors before the output layer; known by "
        "another name: {renamed}; new and initialised at random: {new}; left out: {lost}",
    )


_MODELS = "models of swinx.segment and swinx segment"
_SCANS = "scans of swinx.segment and swinx segment"


class ModelRules(Rules):
    """The model: where it lies, and how it is to run."""

    NOT_SHIPPED = Rule(
        "refused",
        _MODELS,
        "no weights are shipped with swinx {version}, and none were trained here: train some (swinx data synthetic "
        "DATA, swinx train DATA; docs/guides/train.md), or give a model: the folder of a bundle, a packed zip, a "
        "weights file, or an MLflow address such as models:/swinx_seg/1",
    )
    UNKNOWN = Rule(
        "refused",
        _MODELS,
        "{model}: no such file, folder or model; give the folder of a bundle, a packed zip, a weights file, or an "
        "MLflow address such as models:/swinx_seg/1{names}",
    )
    NO_BUNDLE = Rule("refused", _MODELS, "{path}: is no bundle: {detail}; give one that swinx pack or MONAI made")
    WITHOUT_WEIGHTS = Rule(
        "refused", _MODELS, "{path}: the bundle has no weights; train it, or give the weights file itself as the model"
    )
    NOT_LOADED = Rule("refused", _MODELS, "{model}: MLflow cannot load it: {detail}")
    NOT_BUILT = Rule("refused", _MODELS, "{config}: its parts cannot be built: {detail}")
    PROFILE = Rule("refused", _MODELS, "there is no profile {name}{nearest}; the bundle has {known}")
    OTHER_STEP = Rule(
        "refused",
        f"overlays of {_MODELS}, and of the commands of stages",
        "{name} is an overlay of another step: it sets {setting}; give one of {known}",
    )
    KIND = Rule(
        "refused",
        _MODELS,
        "a model cannot be {value}; give the folder of a bundle, a packed zip, a weights file or an address of MLflow",
    )
    DEVICE_NAME = Rule("refused", _MODELS, "there is no device {device}; give auto, cpu, cuda, cuda:1 or mps")
    DEVICE = Rule("refused", _MODELS, "device {device} is not there: {detail}; give cpu, or auto for the best there is")


class ScanInputRules(Rules):
    """The scan, and the place of its labels."""

    KIND = Rule(
        "refused",
        _SCANS,
        "a scan cannot be of type {kind}; give a path, a nibabel or SimpleITK image, a MetaTensor, or (array, affine)",
    )
    NO_AFFINE = Rule(
        "refused",
        _SCANS,
        "an array alone has no voxel size and no directions; give (array, affine), the affine from voxels to RAS mm",
    )
    SEVERAL = Rule(
        "refused",
        _SCANS,
        "it holds {count} scans, {first} and {second} among them; give one, or all to swinx segment",
    )
    OUTPUT = Rule("refused", _SCANS, "labels are written as .nii.gz or .nii; give such a name, or a folder")
    OVER_SCAN = Rule("refused", _SCANS, "is the scan itself and would be overwritten; give another output")
    NO_CLASSES = Rule("refused", _SCANS, "no class is given; name one or several, or leave classes out for all")
    VOLUME = Rule(
        "warned",
        _SCANS,
        "{organ} measures {found} ml, outside {low:g}..{high:g} ml of adults; look at the labels before you use them",
    )
    NOT_OURS = Rule(
        "refused",
        "outputs of swinx segment, and of runs of an inference or a refinement",
        "is there already, and no run of swinx wrote it as it is now; give another output, or move it away",
    )
    NOT_A_FOLDER = Rule("refused", _SCANS, "{path}: is a file; {count} scans need a folder for their labels")
    NO_OUTPUT = Rule("refused", _SCANS, "{names} makes a file, and no output is given; give one, or leave it out")
