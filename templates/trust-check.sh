#!/bin/sh
# joinery trust-check: refuses to go on unless the trust bundles on disk are the ones that the onboarding package named.
#
# usage: trust-check FINGERPRINT FILE [FINGERPRINT FILE]...
#   FINGERPRINT is the lower-case hex SHA-256 of FILE's bytes, as sha256sum prints it.
#
# exit status: 0  every file is its bundle
#              64 wrong arguments
#              65 a file is not its bundle, or two are one file
#              66 a file is missing, empty, unreadable or not a regular file
#              69 no tool on this node computes SHA-256
#
# It finds damage (a cut upload, a wrong merge, another part of user-data that wrote the file again). It cannot find a
# replaced package: for that, compare the digest of the first trust, which came by another way (package verify).
#
# POSIX sh; sha256sum, openssl or python3. Writes to stderr and, where there is one, to the system log.
set -eu

say() {
  printf 'joinery trust-check: %s\n' "$1" >&2
  if command -v logger >/dev/null 2>&1; then
    logger -t joinery-trust-check -p "$2" -- "$1" 2>/dev/null || :
  fi
}

refuse() {
  say "REFUSED: $2" daemon.err
  exit "$1"
}

# Prints the SHA-256 of the file $1.
sha256_of() {
  if command -v sha256sum >/dev/null 2>&1; then
    sum=$(sha256sum <"$1")
    printf '%s' "${sum%% *}"
  elif command -v openssl >/dev/null 2>&1; then
    sum=$(openssl dgst -sha256 -r <"$1")
    printf '%s' "${sum%% *}"
  elif command -v python3 >/dev/null 2>&1; then
    python3 -I -c 'import hashlib, sys; sys.stdout.write(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())' <"$1"
  else
    return 1
  fi
}

# $1 fingerprint, $2 file
check() {
  case $1 in
    *[!0-9a-f]*) refuse 64 "expected 64 lower-case hex digits, found another fingerprint for $2" ;;
  esac
  [ "${#1}" -eq 64 ] || refuse 64 "expected 64 lower-case hex digits, found ${#1} for $2"
  # A link could be pointed elsewhere after this check.
  [ ! -L "$2" ] || refuse 66 "$2: expected a regular file, found a symbolic link"
  if [ ! -f "$2" ] || [ ! -r "$2" ] || [ ! -s "$2" ]; then
    refuse 66 "$2: expected a readable file that is not empty, found none"
  fi
  found=$(sha256_of "$2") || refuse 69 "$2: expected sha256sum, openssl or python3 on this node, found none that works"
  [ "$found" = "$1" ] || refuse 65 "$2: expected SHA-256 $1, found $found; do not join, render the package again"
  say "$2: ok, SHA-256 $found" daemon.info
}

if [ "$#" -lt 2 ] || [ "$(($# % 2))" -ne 0 ]; then
  refuse 64 'expected pairs of a fingerprint and a file'
fi

seen=
while [ "$#" -gt 0 ]; do
  check "$1" "$2"
  # One file by two names would mix the two trust domains: equal bytes have one digest, hard links too.
  case " $seen " in
    *" $1 "*) refuse 65 "$2: expected a bundle of its own for each purpose, found one twice" ;;
  esac
  seen="$seen $1"
  shift 2
done
