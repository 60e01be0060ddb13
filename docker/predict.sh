#!/bin/sh
# Segments what lies in ./inputs into ./outputs, as the FLARE challenges call it: sh predict.sh
#     inputs/<case>_0000.nii.gz  ->  outputs/<case>.nii.gz
# Everything else that a run writes goes to ./logs. Arguments are settings of the bundle's inference:
#     sh docker/predict.sh --overlap 0 --device cpu
# Other folders, bundles and weights are named by the variables below. The exit code is 0 if every case was segmented.
set -eu

inputs=${SWINX_INPUTS:-inputs}
outputs=${SWINX_OUTPUTS:-outputs}
logs=${SWINX_LOGS:-logs}
python=${SWINX_PYTHON:-python}
bundle=${SWINX_BUNDLE:-bundles/swinx_seg}
if [ -z "${SWINX_BUNDLE:-}" ] && [ ! -d "$bundle" ]; then # not in a checkout: that of the installed package
    installed=$("$python" -c "import pathlib, swinx; print(pathlib.Path(swinx.__file__).parent)" 2>/dev/null) || installed=
    bundle=${installed:+$installed/}bundles/swinx_seg
fi
weights=${SWINX_WEIGHTS:-$bundle/models/model.pt}
shipped=$bundle/models/swinx_abdomen_small.pt
if [ -z "${SWINX_WEIGHTS:-}" ] && [ ! -f "$weights" ] && [ -f "$shipped" ]; then weights=$shipped; fi

refuse() {
    echo "predict.sh: $1" >&2
    exit 2
}

[ -d "$inputs" ] || refuse "$inputs is no folder; set SWINX_INPUTS"
[ -f "$bundle/configs/inference.json" ] || refuse "$bundle is no bundle: configs/inference.json is missing; set SWINX_BUNDLE"
[ -f "$weights" ] || refuse "no weights at $weights; set SWINX_WEIGHTS"
found=0
for scan in "$inputs"/*_0000.nii.gz; do
    if [ -f "$scan" ]; then found=$((found + 1)); fi
done
[ "$found" -gt 0 ] || refuse "no scan named <case>_0000.nii.gz in $inputs"
mkdir -p "$outputs" "$logs"

outputs=$(cd "$outputs" && pwd)
process=none
# Label maps appear whole in the outputs, under the names that the log says; what else a run writes is moved at its end.
publish() {
    if grep -qs "\"process\": $process," "$outputs/.run.lock.json"; then # a Python that was killed could not
        rm -f "$outputs/.run.lock" "$outputs/.run.lock.json"
    fi
    rm -f "$outputs"/.*-"$process"-*.partial*
    if [ -e "$outputs/.run.lock" ]; then return 0; fi # another run is writing there, and this one was refused
    for scan in "$inputs"/*_0000.nii.gz; do
        case=${scan##*/}
        move "${case%_0000.nii.gz}.json"
    done
    move cases.json
    move inference.log
}
move() {
    if [ -f "$outputs/$1" ]; then mv -f "$outputs/$1" "$logs/"; fi
}
# Whoever ends a container tells the first process alone, this shell, and ends all of it 10 s later. A shell heeds no
# signal while a command runs in the foreground, so Python runs in the background, is told, and has 5 s to end in order.
child=
end() {
    trap '' TERM INT
    if [ -n "$child" ]; then
        kill -TERM "$child" 2>/dev/null || :
        (sleep 5 && kill -KILL "$child") >/dev/null 2>&1 &
        watch=$!
        wait "$child" || :
        kill -KILL "$watch" 2>/dev/null || :
    fi
    exit "$1"
}
trap publish EXIT
trap 'end 143' TERM
trap 'end 130' INT

"$python" -m monai.bundle run inference --config_file "$bundle/configs/inference.json" --bundle_root "$bundle" \
    --checkpoint "$weights" --dataset_dir "$(cd "$inputs" && pwd)" --output_dir "$outputs" "$@" &
child=$!
process=$child
code=0
wait "$child" || code=$?
child=
exit "$code"
