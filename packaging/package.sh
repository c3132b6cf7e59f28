#!/usr/bin/env bash
# Packs a folder with fairlead in it as a .tar.gz with install.sh and as a Debian package. `./dev publish` calls it.
#
#   package.sh NAME VERSION FOLDER OUTPUT
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=$1 version=$2 folder=$3 output=$4
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

mkdir -p "$stage/$name-$version"
cp -r "$folder" "$stage/$name-$version/fairlead"
install -m 0755 "$here/install.sh" "$stage/$name-$version/install.sh"
# --sort, --mtime: the same input gives the same archive.
tar --create --gzip --sort=name --owner=0 --group=0 --mtime=@0 --file "$output/$name-$version-linux-x64.tar.gz" --directory "$stage" "$name-$version"

command -v dpkg-deb >/dev/null || { echo "package.sh: no dpkg-deb here; $name has no Debian package" >&2; exit 0; }
root=$stage/root
mkdir -p "$root/DEBIAN" "$root/usr/lib/fairlead" "$root/usr/bin"
cp "$folder"/* "$root/usr/lib/fairlead/"
chmod 0755 "$root" "$root"/usr "$root"/usr/bin "$root"/usr/lib "$root"/usr/lib/fairlead
chmod 0644 "$root"/usr/lib/fairlead/*
chmod 0711 "$root/usr/lib/fairlead/fairlead"
ln -s ../lib/fairlead/fairlead "$root/usr/bin/fairlead"
other=$([ "$name" = fairlead ] && echo fairlead-aot || echo fairlead)
cat >"$root/DEBIAN/control" <<CONTROL
Package: $name
Version: $version
Architecture: amd64
Maintainer: The Fairlead developers <fairlead@invalid>
Installed-Size: $(du -sk "$root/usr" | cut -f1)
Depends: libc6 (>= 2.31), libstdc++6, libssl3 | libssl3t64 | libssl1.1
Recommends: ca-certificates
Conflicts: $other
Section: net
Priority: optional
Description: the container's side of Fairlead, an egress proxy that holds no credential
 An HTTP CONNECT proxy on 127.0.0.1 that carries each tunnel to a gateway. The program is
 installed with mode 0711: its user may run it and cannot read it.
CONTROL
SOURCE_DATE_EPOCH=0 dpkg-deb --root-owner-group --build "$root" "$output/${name}_${version}_amd64.deb" >/dev/null
