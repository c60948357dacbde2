#!/bin/sh
# Signs the checksums of a release with OpenSSL alone, so that whoever signs need not trust what is signed.
# usage: bin/sign-release.sh KEY [DIRECTORY]    KEY: Ed25519 private key in PEM; DIRECTORY: where SHA256SUMS is (dist/binary)
set -eu
key=${1:?'expected the private key that signs releases, found none'}
directory=${2:-dist/binary}
(cd "$directory" && sha256sum --check --strict --quiet SHA256SUMS)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
openssl pkeyutl -sign -rawin -inkey "$key" -in "$directory/SHA256SUMS" -out "$work/signature"
openssl pkey -in "$key" -pubout -out "$work/public.pem"
openssl pkeyutl -verify -rawin -pubin -inkey "$work/public.pem" -in "$directory/SHA256SUMS" -sigfile "$work/signature"
cp "$work/signature" "$directory/SHA256SUMS.sig"
cat "$work/public.pem"
