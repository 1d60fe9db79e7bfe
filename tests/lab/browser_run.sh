#!/bin/bash
# browser_run.sh IN OUT FOLDER LAYER SHOWN COMMAND...: in mount, network and pid namespaces of its own, run a command in
# the browser's layer over the machine's root, with SHOWN at /shown. IN and OUT become its file descriptors 3 and 4.
set -eu
in=$1 out=$2 folder=$3 layer=$4 shown=$5
shift 5
mount -t tmpfs -o size=2g,mode=755 browser "$folder"
mkdir -p "$folder/layer" "$folder/upper" "$folder/work" "$folder/root" "$folder/see"
mount --bind "$shown" "$folder/see"
tar --extract --xattrs --xattrs-include=trusted.overlay.opaque -C "$folder/layer" -f "$layer"
mount -t overlay browser "$folder/root" \
    -o "lowerdir=$folder/layer:/,upperdir=$folder/upper,workdir=$folder/work,redirect_dir=off,metacopy=off"
root=$folder/root
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount -t tmpfs -o mode=755 run "$root/run"
mkdir "$root/shown"
mount --bind "$folder/see" "$root/shown"
exec 8<&"$in" 9>&"$out"
exec 3<&8 4>&9 8<&- 9>&-
export HOME=/tmp PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec chroot "$root" "$@"
