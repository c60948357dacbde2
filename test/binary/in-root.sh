#!/bin/sh
# Runs the suites that start joinery (stories, features) on the executable, each start of it inside a Debian that holds four libraries and nothing
# else: no shell, no user, no certificate, no /etc/passwd, no network but the loopback, a home that is read-only. Those that have joinery run a program
# (test/binary/with-programs.txt) are left out: see with-programs.sh. Needs root, mmdebstrap and iproute2. usage: test/binary/in-root.sh [vitest arguments]
set -eu
repository=$(cd "$(dirname "$0")/../.." && pwd)
version=$(node -p 'require("./package.json").version')
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mmdebstrap --quiet --variant=extract --include=libc6,libstdc++6,libgcc-s1,libatomic1 bookworm "$root/debian"
cp "$repository/dist/binary/joinery-$version-linux-$(node -p process.arch)" "$root/debian/joinery"

# First alone: no network, no variable, a user without a name, a home, or anything that it may write but /tmp.
chmod 755 "$root" "$root/debian"
chmod 1777 "$root/debian/tmp"
alone() { unshare --net env -i "$(PATH=$PATH:/usr/sbin command -v chroot)" --userspec=65534:65534 "$root/debian" /joinery "$@"; }
alone --version
alone demo >"$root/demo"
tail -n 3 "$root/demo"

# The tests make their directories in /tmp; the executable sees these, the repository, and the kernel's.
cat >"$root/joinery" <<END
#!/bin/sh
export HOME="\${HOME:-/home}"
exec /usr/bin/unshare --root="$root/debian" --wd="\$PWD" /joinery "\$@"
END
chmod 755 "$root/joinery"
export JOINERY_BIN="$root/joinery"
# shellcheck disable=SC2016 # The inner shell expands them.
PATH=$PATH:/usr/sbin:/sbin unshare --mount --net sh -eu -c '
  debian=$1 repository=$2
  shift 2
  ip link set lo up
  for directory in /home /tmp /proc /dev "$repository"; do mkdir -p "$debian$directory"; done
  mount --bind "$debian" "$debian"
  mount -o remount,bind,ro "$debian"
  for directory in /tmp /proc /dev "$repository"; do mount --bind "$directory" "$debian$directory"; done
  # shellcheck disable=SC2046 # One option for each line.
  vitest run --config test/vitest.config.ts $(sed "s/^/--exclude /" test/binary/with-programs.txt) "$@"
' sh "$root/debian" "$repository" "$@"
