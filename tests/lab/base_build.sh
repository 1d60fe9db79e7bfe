#!/bin/bash
# base_build.sh FOLDER PACKAGE...: in a mount namespace of its own, install packages into a layer over the
# machine's root and leave that layer as FOLDER/layer.tar. Run by base.py.
set -eu
folder=$1
shift

# Opened now, before a tmpfs hides the folder: the archive is to stay.
exec 3>"$folder/layer.tar"

# All that is mounted here goes with this process: the namespace is private.
mount -t tmpfs -o size=3g,mode=755 base-build "$folder"
top=$folder/build
mkdir -m 755 -p "$top/upper" "$top/work" "$top/root"
mount -t overlay base-build "$top/root" \
    -o "lowerdir=/,upperdir=$top/upper,workdir=$top/work,redirect_dir=off,metacopy=off"
root=$top/root

mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mkdir -p "$root/var/cache/apt/archives" "$root/var/lib/apt/lists"
mount -t tmpfs -o mode=755 archives "$root/var/cache/apt/archives"
mount -t tmpfs -o mode=755 lists "$root/var/lib/apt/lists"

# Name resolution: the machine's file may be a link into /run or itself a mount, neither of which the overlay shows.
resolv=$(readlink -f /etc/resolv.conf || true)
if [ -n "$resolv" ] && [ -e "$resolv" ]; then
    mkdir -p "$(dirname "$root$resolv")"
    [ -e "$root$resolv" ] || : >"$root$resolv"
    mount --bind "$resolv" "$root$resolv"
fi

# No package may start a service, here or later in a host: runit starts what the lab wants.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
mkdir -p "$root/etc/postgresql-common"
echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.conf"

export DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
chroot "$root" apt-get update
chroot "$root" apt-get install -y --no-install-recommends \
    -o Dpkg::Options::=--path-exclude=/usr/share/doc/* -o Dpkg::Options::=--path-exclude=/usr/share/man/* \
    -o Dpkg::Options::=--path-exclude=/usr/share/locale/* -o Dpkg::Options::=--force-unsafe-io "$@"

# Hosts know no package lists, the machine's neither: apt would read them all, for seconds, for each package file.
umount "$root/var/lib/apt/lists"
rm -rf "$root/var/lib/apt/lists"
mkdir -p "$root/var/lib/apt/lists/partial"

rm -f "$top/upper/var/log/dpkg.log" "$top/upper/var/log/alternatives.log"
rm -rf "$top/upper/var/log/apt" "$top/upper/var/cache/debconf"
rm -f "$top"/upper/etc/ssh/ssh_host_* # a host's keys are its own, not a layer's
tar --create --xattrs --xattrs-include=trusted.overlay.opaque -C "$top/upper" . >&3
