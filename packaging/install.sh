#!/bin/sh
# Installs fairlead so that the kernel guards its memory from the first moment: the program may be executed by everybody and read by root alone
# (mode 0711, owner root). Of a program that its user cannot read, the kernel lets no other process of that user look into the memory.
#
#   install.sh [--prefix DIR] [--from DIR]    default: /usr/local, and the folder "fairlead" beside this script
set -eu
prefix=/usr/local
from=$(dirname "$0")/fairlead
while [ $# -gt 0 ]; do
    case "$1" in
        --prefix) prefix=$2; shift 2 ;;
        --from) from=$2; shift 2 ;;
        *) echo "install.sh: unknown option '$1'; expected --prefix DIR or --from DIR" >&2; exit 2 ;;
    esac
done

[ -f "$from/fairlead" ] || { echo "install.sh: expected the program $from/fairlead; it is not there" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || { echo "install.sh: run me as root: a program that belongs to its user can be read by its user" >&2; exit 1; }

lib=$prefix/lib/fairlead
mkdir -p "$prefix/bin" "$lib"
for file in "$from"/*; do
    name=$(basename "$file")
    mode=0644
    [ "$name" != fairlead ] || mode=0711
    # A new file each time: a running fairlead keeps the old one.
    install -o root -g root -m "$mode" "$file" "$lib/.$name.new"
    mv -f "$lib/.$name.new" "$lib/$name"
done
ln -sfn ../lib/fairlead/fairlead "$prefix/bin/fairlead"
echo "installed $prefix/bin/fairlead"
