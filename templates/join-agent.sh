#!/bin/sh
# joinery join-agent: makes a bare node a trusted member, and keeps it one. For nodes that have nothing but a shell and openssl.
#
# usage: join-agent [node] join   [--directory DIR] [--deadline SECONDS] [--clock-deadline SECONDS]
#        join-agent [node] renew  [--directory DIR] [--if-due] [--deadline SECONDS] [--clock-deadline SECONDS]
#        join-agent [node] reload [--directory DIR]   run the reload hooks of an identity that they have not been told of
#        join-agent [node] trust  [--directory DIR]   bring the trust bundles up to date, where the joinery program is on this node
# `node join` and `node renew` are spelled as the joinery program spells them: one unit file serves both.
#
# exit status: 0  joined, renewed, or nothing to do       76 no server proved itself under the pinned bundle
#              64 wrong arguments                          77 the server refused: token, policy, revoked
#              65 a trust bundle is not the expected one   78 the reply was cut, too large, redirected or no certificate
#              66 a file is missing or malformed           79 a reload hook failed; the new identity is installed
#              69 a tool is missing on this node           80 the certificate does not verify under the node-cert bundle
#              70 the clock is wrong                       81 the certificate is for another key
#              71 another run has the node directory       82 the certificate is for another identity
#              73 the node directory cannot be written     83 the server's trust is older than what this node holds
#              75 no server answered in time               84 nothing to renew: no identity, or it has expired
#                                                          85 an update of the trust bundles was refused
#
# After every status but 0 and 79 the identity on disk is what it was. Everything is safe to run again.
#
# POSIX sh; openssl 1.1.1 or later; curl or python3. Layout of DIR, hooks and environment: docs/reference/agent.md
# -f: no word of a setting is a pattern of file names; where one is meant it is switched on.
set -euf
umask 077
LC_ALL=C
export LC_ALL
# Nothing of the caller's environment decides whom this script trusts or by which way it goes there.
unset CDPATH ENV OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE CURL_HOME CURL_SSL_BACKEND \
  SSLKEYLOGFILE http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY no_proxy NO_PROXY

here=$(cd "$(dirname "$0")" && pwd)
dir=${here%/bin}
verb=
if_due=
deadline=${JOINERY_DEADLINE:-900}
clock_deadline=300
# Names in the request, and those that the server wanted to read in it.
named=
named_again=
tmp=
turn=
# One request: seconds in all, and bytes of headers and body together.
readonly REQUEST_SECONDS="${JOINERY_REQUEST_SECONDS:-30}" REPLY_LIMIT=65536

# --- saying and leaving -------------------------------------------------------------------------------------------------

# $1 severity, $2 message. Never a token, never a key.
say() {
  printf 'joinery join-agent: %s\n' "$2" >&2
  # Under systemd stderr is the journal already.
  if [ -z "${JOURNAL_STREAM:-}" ] && have logger; then
    logger -t joinery-join-agent -p "daemon.$1" -- "$2" 2>/dev/null || :
  fi
}

# $1 exit status, $2 message
die() {
  say err "$2"
  exit "$1"
}

have() {
  command -v "$1" >/dev/null 2>&1
}

# What a tool said, as one line that a log can hold.
printable() {
  tr -c '[:print:]' ' ' | tr -s ' ' | cut -c 1-300
}

# Also where a step failed that nobody asks for its status: on a full disk that is any of them.
cleanup() {
  status=$?
  rm -rf "$tmp" "$turn" 2>/dev/null || :
  case $status in
    0 | 6[4-9] | 7? | 8? | 130 | 143) ;;
    126 | 127) die 69 'expected every tool of this script on this node, found one that cannot be run' ;;
    *) die 73 "$dir: expected every step to be written, found one that failed" ;;
  esac
}

# --- the node directory -------------------------------------------------------------------------------------------------

# The value of key $1 in joinery.env. The file is read, never run.
setting() {
  sed -n "s/^${prefix}_$1='\\([^']*\\)'\$/\\1/p" "$dir/joinery.env" | head -n 1
}

# $1 purpose, $2 member (digest, fingerprint, floor, held). state.json is canonical JSON: one line, members in order, so that a
# pattern finds what a parser would; text of others stands in it with its quotes escaped and cannot look like a member.
state_of() {
  entry="\"$1\":{\"digest\":\"\\([0-9a-f]\\{64\\}\\)\",\"fingerprint\":\"\\([0-9a-f]\\{64\\}\\)\",\"floor\":\\([0-9]\\{1,15\\}\\)"
  tail=',\("floor_digest":"[0-9a-f]*",\)\{0,1\}"held":\([0-9]\{1,15\}\)'
  case $2 in
    digest) group=1 ;;
    fingerprint) group=2 ;;
    floor) group=3 ;;
    held) group=5 ;;
  esac
  sed -n "s/^.*$entry$tail.*\$/\\$group/p" "$dir/trust/state.json"
}

load_settings() {
  for file in "$dir/joinery.env" "$dir/trust/state.json"; do
    [ -r "$file" ] || die 66 "$file: expected a file of the onboarding package, found none that can be read"
  done
  prefix=$(sed -n "s/^\\([A-Z][A-Z0-9_]*\\)_JOIN_URLS='.*'\$/\\1/p" "$dir/joinery.env" | head -n 1)
  [ -n "$prefix" ] || die 66 "$dir/joinery.env: expected a line PREFIX_JOIN_URLS='...', found none"
  urls=$(setting JOIN_URLS)
  https_bundle=$(setting CA_BUNDLE_PATH)
  node_bundle=$(setting NODE_CERT_CA_BUNDLE_PATH)
  cluster=$(setting CLUSTER)
  environment=$(setting ENVIRONMENT)
  role=$(setting ROLE)
  # The node that the package names, if it names one: an identity must be of this node.
  node=$(setting NODE)
  token_file=$(setting JOIN_TOKEN_FILE)
  [ -n "$token_file" ] || token_file="$dir/secrets/join-token"
  for name in "$cluster" "$environment" "${role:-none}" "${node:-none}"; do
    case $name in
      '' | *[!A-Za-z0-9._-]*) die 66 "$dir/joinery.env: expected names of cluster, environment, role and node, found something else" ;;
    esac
  done
  for url in $urls; do
    case $url in
      https://*) ;;
      *) die 66 "$dir/joinery.env: expected https URLs in ${prefix}_JOIN_URLS, found another" ;;
    esac
  done
}

# Prints number and start of process $1, which no later process has in common with it.
process() {
  printf '%s.%s' "$1" "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20)"
}

# Where there is no flock: the link $1 says who has his turn, from the moment it is there. What a dead run left is cleared by whoever takes
# the turn to clear it, a link of the same kind: two that both found it dead cannot clear it twice, the second time of a living one.
take() {
  until ln -s "$(process $$)" "$1" 2>/dev/null; do
    set -- "$1" "$(readlink "$1")"
    if [ -z "$2" ] || { kill -0 "${2%.*}" 2>/dev/null && [ "$(process "${2%.*}")" = "$2" ]; }; then return 1; fi
    take "$1.$2" || return 1
    [ "$(readlink "$1")" != "$2" ] || rm -f "$1"
    rm -f "$1.$2"
  done
}

prepare() {
  for tool in openssl sed awk head od mktemp; do
    have "$tool" || die 69 "expected $tool on this node, found none"
  done
  have curl || have python3 || die 69 'expected curl or python3 on this node, found none'
  load_settings
  # Beside what it becomes: a rename within one file system is atomic.
  for each in identity pending; do
    mode=0755
    [ "$each" = identity ] || mode=0700
    [ -d "$dir/$each" ] || mkdir -m "$mode" "$dir/$each" 2>/dev/null || die 73 "$dir: expected to make $each in it, found that it cannot be written"
  done
  # In a shell of its own: a redirection of exec that fails ends the shell.
  (: >>"$dir/pending/lock") 2>/dev/null || die 73 "$dir/pending: expected to write in it, found that it cannot be written"
  if have flock; then
    exec 9>"$dir/pending/lock"
    flock -n 9
  else
    take "$dir/pending/turn" && turn="$dir/pending/turn"
  fi || die 71 "$dir: expected to be alone, found another run of the agent"
  set +f
  rm -rf "$dir"/pending/run.*
  set -f
  tmp=$(mktemp -d "$dir/pending/run.XXXXXX" 2>/dev/null) || die 73 "$dir/pending: expected to write in it, found that it cannot be written"
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  mkdir "$tmp/none"
}

# $1 key of the digest, $2 purpose, $3 key of the fingerprint, $4 fingerprint: one manifest has one bundle.
same_print() {
  [ "$(setting "$1")" = "$(state_of "$2" digest)" ] || return 0
  [ "$(setting "$3")" = "$4" ] || die 65 "$dir/joinery.env: $3: expected the fingerprint that $dir/trust/state.json holds, found another"
}

# The bundles on disk are the ones of the package, or those that `joinery trust apply` proved and put there since.
check_trust() {
  https_print=$(state_of control-plane-https fingerprint)
  node_print=$(state_of node-cert-lifecycle fingerprint)
  same_print TRUST_MANIFEST_DIGEST control-plane-https CA_FINGERPRINT "$https_print"
  same_print NODE_CERT_TRUST_MANIFEST_DIGEST node-cert-lifecycle NODE_CERT_CA_FINGERPRINT "$node_print"
  for print in "$https_print" "$node_print"; do
    [ "${#print}" -eq 64 ] || die 66 "$dir/trust/state.json: expected the held version of both purposes, found another content"
  done
  fetch_missing_bundle control-plane-https "$https_bundle" "$https_print"
  fetch_missing_bundle node-cert-lifecycle "$node_bundle" "$node_print"
  status=0
  said=$(sh "$here/trust-check" "$https_print" "$https_bundle" "$node_print" "$node_bundle" 2>&1) || status=$?
  [ "$status" -eq 0 ] || die "$status" "$(printf '%s' "$said" | printable)"
}

# --- time ---------------------------------------------------------------------------------------------------------------

# Seconds that only go forward: the clock may jump while we wait for it.
ticks() {
  if read -r up _ 2>/dev/null </proc/uptime; then
    printf '%s' "${up%%.*}"
  else
    date +%s
  fi
}

# A certificate of today is not valid in 1970. The clock is sane once it has passed the time at which the trust on this node was made.
wait_for_clock() {
  floor=$(grep -o '"updated_at":"[0-9T:Z-]\{20\}"' "$dir/trust/state.json" | sed 's/[^0-9]//g' | sort | tail -n 1)
  [ "${#floor}" -eq 14 ] || die 66 "$dir/trust/state.json: expected updated_at of each purpose, found another content"
  start=$(ticks)
  while [ "$(date -u +%Y%m%d%H%M%S)" -lt "$floor" ]; do
    if [ "$(($(ticks) - start))" -ge "$clock_deadline" ]; then
      die 70 "the clock: expected a time after the package was made ($floor UTC), found $(date -u +%Y%m%d%H%M%S) for $clock_deadline seconds"
    fi
    sleep 1
  done
}

# Waits between 1 second and the bound $1, at random: many nodes that failed together must not come back together.
pause() {
  random=$(od -An -N2 -tu2 /dev/urandom | tr -d ' \n')
  sleep "$((1 + random % $1))"
}

# Prints the seconds of the epoch for what openssl says of date $1 (start or end) of the certificate in use.
seconds_of() {
  date -u -d "$(openssl x509 -in "$current/node.crt" -noout "-${1}date" | sed 's/^.*=//' | utc_of | sed 's/T/ /; s/Z//')" +%s 2>/dev/null || :
}

# Two thirds of its life have passed. Where the dates cannot be told, it is renewed.
is_due() {
  begin=$(seconds_of start)
  end=$(seconds_of end)
  if [ -z "$begin" ] || [ -z "$end" ]; then return 0; fi
  [ "$(date +%s)" -ge "$((begin + (end - begin) * 2 / 3))" ]
}

# --- one request --------------------------------------------------------------------------------------------------------

# Answers with curl's exit status, so that the rest need not know which of the two did it.
# shellcheck disable=SC2016
PYTHON_CLIENT='
import http.client, signal, ssl, sys
from urllib.parse import urlsplit
method, url, bundle, pair, key, accept, seconds, limit = sys.argv[1:9]
def late(*_):
    raise TimeoutError()
signal.signal(signal.SIGALRM, late)
signal.alarm(int(seconds))
def out(status, why):
    sys.stderr.write("python3: %s\n" % why)
    sys.exit(status)
try:
    if bundle:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.load_verify_locations(cafile=bundle)
    else:
        tls = ssl._create_unverified_context()
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    if pair:
        tls.load_cert_chain(pair, key)
    at = urlsplit(url)
    body = sys.stdin.buffer.read() if method == "POST" else None
    link = http.client.HTTPSConnection(at.hostname, at.port or 443, timeout=10, context=tls)
    headers = {"Accept": accept, "User-Agent": "joinery-join-agent"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    link.request(method, at.path or "/", body, headers)
    reply = link.getresponse()
    head = "HTTP/1.1 %d -\r\n%s\r\n" % (reply.status, "".join("%s: %s\r\n" % pair for pair in reply.getheaders()))
    sys.stdout.buffer.write(head.encode("latin-1") + reply.read(int(limit) + 1))
    sys.stdout.buffer.flush()
    # A reply that ends before its length was reached gives what there was, and no error.
    if reply.length:
        out(18, "the reply was cut")
except ssl.SSLCertVerificationError as error:
    out(60, error)
except http.client.IncompleteRead:
    out(18, "the reply was cut")
except (TimeoutError, OSError) as error:
    if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        out(35, error)
    out(28 if isinstance(error, TimeoutError) else 7, error)
except http.client.HTTPException as error:
    out(8, error)
'

# $1 method, $2 URL, $3 bundle that alone verifies the server (empty: nobody is verified, for public bytes whose digest is known),
# $4 PEM of the client certificate and its chain, $5 its key, $6 media type to ask for. The body is on stdin.
fetch() {
  if have curl; then
    fetch_curl "$@"
  else
      python3 -I -c "$PYTHON_CLIENT" "$@" "$REQUEST_SECONDS" "$REPLY_LIMIT" 2>"$tmp/said"
  fi
}

# -q: no .curlrc. --capath: without it Debian's curl trusts the system store beside --cacert.
fetch_curl() {
  method=$1 url=$2 bundle=$3 pair=$4 key=$5 accept=$6
  set -- -q --silent --show-error --globoff --include --http1.1 --proto '=https' --tlsv1.3 --noproxy '*' --max-redirs 0 --connect-timeout 10 \
    --max-time "$REQUEST_SECONDS" --max-filesize "$REPLY_LIMIT" --header "Accept: $accept" --header 'Expect:'
  if [ -n "$bundle" ]; then set -- "$@" --cacert "$bundle" --capath /dev/null; else set -- "$@" --insecure; fi
  [ -z "$pair" ] || set -- "$@" --cert "$pair" --key "$key"
  if [ "$method" = POST ]; then set -- "$@" --header 'Content-Type: application/json' --data-binary @-; fi
  curl "$@" --url "$url" 2>"$tmp/said"
}

# $1 method, $2 path, $3 'identity' or '', $4 media type, $5 file with the body. Asks every server of the list once.
# Sets http (000 without a reply), failure (exit status where it failed) and why; the reply is in $tmp/head and $tmp/body.
ask() {
  http=000
  pair=
  key=
  if [ "$3" = identity ]; then
    pair="$tmp/client.pem"
    key="$current/node.key"
    cat "$current/node.crt" "$current/chain.crt" >"$pair"
  fi
  for url in $urls; do
    # What the server before said is no answer of this one.
    : >"$tmp/head"
    : >"$tmp/body"
    {
      code=0
      fetch "$1" "${url%/}$2" "$https_bundle" "$pair" "$key" "$4" <"$5" || code=$?
      printf '%s' "$code" >"$tmp/code"
    } | head -c "$((REPLY_LIMIT + 1))" >"$tmp/reply"
    judge_transfer "$(cat "$tmp/code")" "$url"
    [ "$failure" -ne 0 ] || return 0
  done
}

# $1 exit status of curl or of what speaks like it, $2 URL
judge_transfer() {
  size=$(wc -c <"$tmp/reply")
  why="$2: $(printable <"$tmp/said")"
  # At the limit the pipe is closed, and how the program took that says nothing.
  if [ "$size" -gt "$REPLY_LIMIT" ]; then
    failure=78 why="$2: expected a reply of at most $REPLY_LIMIT bytes, found a larger one"
    return
  fi
  case $1 in
    0) split_reply "$2" ;;
    35 | 51 | 53 | 54 | 58 | 59 | 60 | 66 | 77 | 80 | 83 | 90 | 91) failure=76 ;;
    18 | 23 | 61 | 63) failure=78 ;;
    *) failure=75 ;;
  esac
}

# Headers end at the first empty line.
split_reply() {
  tr -d '\r' <"$tmp/reply" >"$tmp/lines"
  sed '/^$/q' "$tmp/lines" >"$tmp/head"
  sed '1,/^$/d' "$tmp/lines" >"$tmp/body"
  http=$(sed -n '1s/^HTTP\/[0-9.]* \([0-9]\{3\}\)\( .*\)\{0,1\}$/\1/p' "$tmp/head")
  failure=0
  case $http in
    2??) ;;
    3??) failure=78 why="$1: expected an answer, found a redirect" ;;
    408 | 425 | 429 | 5??) failure=75 why="$1: $http $(problem)" ;;
    4??) failure=77 why="$1: $http $(problem)" ;;
    *) failure=78 why="$1: expected an HTTP answer, found something else" ;;
  esac
}

# The value of header $1 (lower case), of harmless characters only.
header() {
  awk -v name="$1:" 'tolower($1) == name { $1 = ""; print substr($0, 2) }' "$tmp/head" | head -n 1 | tr -cd 'A-Za-z0-9._:=, /+-' | cut -c 1-200
}

# Code and correlation id of a problem document (RFC 9457): what an operator looks up.
problem() {
  for member in code correlation_id; do
    sed -n "s/^.*\"$member\":\"\\([A-Za-z0-9._:-]\\{1,128\\}\\)\".*\$/\\1/p" "$tmp/body" | head -n 1
  done | tr '\n' ' '
}

# What a request must name, where the identity provider of the cluster signs nothing else (ERR_CSR_NAMES).
csr_names() {
  sed -n 's/^.*"csr_names":"\([A-Za-z0-9:/._*,-]\{1,\}\)".*$/\1/p' "$tmp/body" | head -n 1
}

# $1 path, $2 'identity' or '', $3 file with the body, $4 what writes it. Asks until there is an answer that asking again would not change.
ask_until_deadline() {
  started=$(ticks)
  bound=2
  while :; do
    ask POST "$1" "$2" application/pem-certificate-chain "$3"
    case $failure in
      0) return 0 ;;
      77)
        if [ -n "$named_again" ]; then die 77 "refused by $why"; fi
        named_again=$(csr_names)
        [ -n "$named_again" ] || die 77 "refused by $why"
        named=$named_again
        # The same key: no second use of the token.
        make_csr
        "$4"
        continue
        ;;
    esac
    say warning "$why; asking again"
    wait=$(header retry-after)
    # A shell takes a number that starts with 0 for octal, and ends at 08.
    case $wait in
      '' | *[!0-9]* | ?????* | 0*) wait=0 ;;
    esac
    [ "$(($(ticks) - started + wait))" -lt "$deadline" ] || die "$failure" "$why; gave up after $deadline seconds"
    sleep "$wait"
    pause "$bound"
    [ "$bound" -ge 60 ] || bound=$((bound * 2))
  done
}

# Where a package brought fingerprints only. Who answers does not matter, its bytes do: no token is sent, and nothing else is kept.
# $1 purpose, $2 path, $3 fingerprint
fetch_missing_bundle() {
  [ ! -e "$2" ] || return 0
  say info "$2: fetching the bundle with SHA-256 $3"
  for url in $(setting TRUST_URL) $urls; do
    { fetch GET "${url%/}/v1/trust/$1" '' '' '' application/pem-certificate-chain </dev/null || :; } | head -c "$REPLY_LIMIT" | tr -d '\r' | sed '1,/^$/d' >"$tmp/bundle"
    if [ "$(openssl dgst -sha256 -r <"$tmp/bundle" | cut -c 1-64)" = "$3" ]; then
      (umask 022 && cat "$tmp/bundle" >"$tmp/public.pem")
      settle "$tmp/public.pem"
      mv "$tmp/public.pem" "$2"
      return 0
    fi
  done
  die 65 "$1: expected a server with the bundle of SHA-256 $3, found none"
}

# --- key, request, reply ------------------------------------------------------------------------------------------------

# The files $@ are on the disk, not only in its cache.
settle() {
  sync "$@" 2>/dev/null || sync
}

# $1 what the key is for: `join`, or the serial number that it renews. A key that was sent once is sent again until there is an
# answer: the server gives the same certificate again to the same key, and takes a second key for a thief's.
make_key() {
  if [ -s "$dir/pending/node.key" ] && [ "$(cat "$dir/pending/for" 2>/dev/null)" = "$1" ] &&
    openssl pkey -in "$dir/pending/node.key" -noout 2>/dev/null; then
    return 0
  fi
  rm -f "$dir/pending/node.key" "$dir/pending/for"
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve -out "$tmp/node.key" 2>"$tmp/said" ||
    die 69 "openssl: $(printable <"$tmp/said")"
  printf '%s\n' "$1" >"$tmp/for"
  settle "$tmp/node.key" "$tmp/for"
  # The purpose first: a key without one is thrown away before it was ever sent.
  mv "$tmp/for" "$dir/pending/for"
  mv "$tmp/node.key" "$dir/pending/node.key"
}

make_csr() {
  {
    printf '[req]\nprompt = no\ndistinguished_name = dn\n'
    [ -z "$named" ] || printf 'req_extensions = names\n[names]\nsubjectAltName = %s\n' "$named"
    printf '[dn]\nCN = node\n'
  } >"$tmp/req.cnf"
  openssl req -new -sha256 -config "$tmp/req.cnf" -key "$dir/pending/node.key" -out "$tmp/node.csr" 2>"$tmp/said" ||
    die 69 "openssl: $(printable <"$tmp/said")"
}

# Text of the file $1 as the inside of a JSON string.
json_text() {
  awk '{ gsub(/[\\"]/, "\\\\&"); printf "%s%s", (NR > 1 ? "\\n" : ""), $0 }' "$1"
}

write_join_body() {
  source=$token_file
  # A token that came as a credential of the service (systemd) was never a file of the package.
  if [ ! -e "$source" ] && [ -n "${CREDENTIALS_DIRECTORY:-}" ]; then source="$CREDENTIALS_DIRECTORY/joinery.token"; fi
  if [ ! -r "$source" ] || [ ! -s "$source" ]; then die 66 "$token_file: expected a join token, found none"; fi
  head -n 1 "$source" | tr -d '\r\n' >"$tmp/token"
  if [ ! -s "$tmp/token" ] || [ -n "$(tr -d '!-~' <"$tmp/token")" ]; then
    die 66 "$source: expected one line of printable characters without blanks, found something else"
  fi
  {
    printf '{"token":"%s","csr":"' "$(json_text "$tmp/token")"
    json_text "$tmp/node.csr"
    printf '\\n","cluster":"%s","environment":"%s"' "$cluster" "$environment"
    [ -z "$role" ] || printf ',"requested_role":"%s"' "$role"
    [ -z "$node" ] || printf ',"node_id":"%s"' "$node"
    printf '}'
  } >"$tmp/request"
  rm -f "$tmp/token"
}

write_renew_body() {
  {
    printf '{"csr":"'
    json_text "$tmp/node.csr"
    printf '\\n"}'
  } >"$tmp/request"
}

# The reply is certificates and nothing else: the first is ours, the others lead to the anchor.
split_chain() {
  case $(header content-type) in
    application/pem-certificate-chain*) ;;
    *) die 78 'the reply: expected application/pem-certificate-chain, found another type' ;;
  esac
  verdict=$(awk -v leaf="$tmp/leaf.crt" -v chain="$tmp/chain.crt" '
    BEGIN { printf "" > leaf; printf "" > chain }
    /^-----BEGIN CERTIFICATE-----$/ { if (open) bad = 1; open = 1; count++ }
    { if (!open && $0 != "") bad = 1; else if (open) print > (count == 1 ? leaf : chain) }
    /^-----END CERTIFICATE-----$/ { open = 0 }
    END { print (bad || open || count < 1 || count > 8) ? "no" : "yes" }' "$tmp/body")
  [ "$verdict" = yes ] || die 78 'the reply: expected whole certificates in PEM and nothing else, found something else'
}

# The newest trust that the server has, as it says in every answer: `control-plane-https=3, node-cert-lifecycle=2`.
check_versions() {
  offered=$(header joinery-trust)
  for purpose in control-plane-https node-cert-lifecycle; do
    version=$(printf '%s' "$offered" | tr -d ' ' | tr ',' '\n' | sed -n "s/^$purpose=\\([0-9]\\{1,15\\}\\)\$/\\1/p")
    [ -n "$version" ] || continue
    floor=$(state_of "$purpose" floor)
    [ "$version" -ge "$floor" ] || die 83 "$purpose: expected version $floor or later from the server, found version $version"
    [ "$version" -eq "$floor" ] || say notice "$purpose: version $version is in force, this node holds $(state_of "$purpose" held): joinery trust apply"
  done
}

# Prints the identity of certificate $1: its one SPIFFE ID.
identity_of() {
  openssl x509 -in "$1" -noout -ext subjectAltName 2>/dev/null | sed '1d' | tr ',' '\n' | sed 's/^ *//' | awk '
    /^URI:/ { count++; uri = substr($0, 5) }
    END { if (count == 1 && uri ~ /^spiffe:\/\/[a-z0-9._-]+(\/[A-Za-z0-9._-]+)+$/) print uri }'
}

public_key() {
  openssl "$@" 2>/dev/null | openssl dgst -sha256 -r | cut -c 1-64
}

# $1 the identity that it must be; empty on a first join.
check_certificate() {
  # -CAfile alone is no pin: the system store would be trusted beside it. -untrusted takes no empty file, which a chain may be: hence all
  # certificates of the reply, of which the first proves nothing about itself.
  if ! SSL_CERT_DIR="$tmp/none" SSL_CERT_FILE=/dev/null openssl verify -no-CApath -CAfile "$node_bundle" -untrusted "$tmp/body" \
    -purpose sslclient "$tmp/leaf.crt" >"$tmp/said" 2>&1; then
    if grep -q 'not yet valid' "$tmp/said"; then die 70 "the clock: the certificate begins later than now: $(printable <"$tmp/said")"; fi
    die 80 "the certificate: $(printable <"$tmp/said")"
  fi
  if openssl x509 -in "$tmp/leaf.crt" -noout -ext basicConstraints 2>/dev/null | grep -q 'CA:TRUE'; then
    die 80 'the certificate: expected one of a node, found one of an authority'
  fi
  if [ "$(public_key x509 -in "$tmp/leaf.crt" -noout -pubkey)" != "$(public_key pkey -in "$dir/pending/node.key" -pubout)" ]; then
    die 81 'the certificate: expected one for the key of this node, found one for another key'
  fi
  identity=$(identity_of "$tmp/leaf.crt")
  [ -n "$identity" ] || die 82 'the certificate: expected exactly one SPIFFE ID, found another number of names'
  if [ -n "$1" ]; then
    [ "$identity" = "$1" ] || die 82 "the certificate: expected $1, found $identity"
  elif [ -n "$node" ]; then
    case "$identity/" in
      */"$node"/*) ;;
      *) die 82 "the certificate: expected an identity of node $node, found $identity" ;;
    esac
  fi
}

# --- the switch ---------------------------------------------------------------------------------------------------------

# Puts the link $1 in the place of the link $2 in one step; plain mv would move it into the directory that $2 points to.
rename_link() {
  mv -T -f "$1" "$2" 2>/dev/null || python3 -I -c 'import os, sys; os.rename(sys.argv[1], sys.argv[2])' "$1" "$2"
}

# Found out before anything is asked of a server.
check_rename() {
  ln -s a "$tmp/one"
  ln -s none "$tmp/two"
  rename_link "$tmp/one" "$tmp/two" 2>/dev/null || :
  [ "$(readlink "$tmp/two")" = a ] || die 69 'expected mv -T or python3 on this node, found neither'
}

# RFC 3339 of what openssl says (Nov 23 01:35:16 2026 GMT).
utc_of() {
  awk '{ printf "%04d-%02d-%02dT%sZ", $4, (index("JanFebMarAprMayJunJulAugSepOctNovDec", $1) + 2) / 3, $2, $3 }'
}

# What meta.json and status.json say of the new certificate, members in order (RFC 8785).
describe_certificate() {
  serial=$(openssl x509 -in "$tmp/leaf.crt" -noout -serial | sed 's/^serial=//' | tr 'A-F' 'a-f')
  fingerprint=$(openssl x509 -in "$tmp/leaf.crt" -outform DER | openssl dgst -sha256 -r | cut -c 1-64)
  expires=$(openssl x509 -in "$tmp/leaf.crt" -noout -enddate | sed 's/^notAfter=//' | utc_of)
  renew=$(header joinery-renew-after | sed -n 's/^\([0-9T:-]\{19\}Z\)$/"renew_after":"\1",/p')
  now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
}

write_meta() {
  printf '{"audit_id":"%s","cluster":"%s","expires_at":"%s","fingerprint":"%s","identity":"%s","installed_at":"%s",' \
    "$audit_id" "$cluster" "$expires" "$fingerprint" "$identity" "$now"
  printf '%s' "$renew"
  [ -z "$role" ] || printf '"role":"%s",' "$role"
  printf '"schema":"joinery/node-identity/1","serial":"%s"}\n' "$serial"
}

# $1 join or renew
write_status() {
  {
    printf '{"audit_id":"%s","expires_at":"%s","generation":%s,"identity":"%s","operation":"%s",' \
      "$audit_id" "$expires" "${current##*/gen-}" "$identity" "$1"
    printf '%s"result":"ok","schema":"joinery/node-status/1","serial":"%s","trust":{' "$renew" "$serial"
    printf '"control-plane-https":{"fingerprint":"%s","version":%s},' "$https_print" "$(state_of control-plane-https held)"
    printf '"node-cert-lifecycle":{"fingerprint":"%s","version":%s}},' "$node_print" "$(state_of node-cert-lifecycle held)"
    printf '"updated_at":"%s"}\n' "$now"
  } >"$tmp/status.json"
  chmod 0644 "$tmp/status.json"
  mv "$tmp/status.json" "$dir/status.json"
}

# Key, certificate and chain become the identity together, by one rename; until then they are nobody's.
install_identity() {
  set +f
  last=0
  for each in "$dir"/identity/gen-*; do
    number=${each##*/gen-}
    case $number in
      '' | *[!0-9]* | 0* | ??????????*) continue ;;
    esac
    [ "$number" -le "$last" ] || last=$number
  done
  made="gen-$((last + 1))"
  stage="$dir/identity/.$made"
  rm -rf "$dir"/identity/.gen-* "$dir/identity/.current"
  mkdir -m 0755 "$stage"
  cp "$dir/pending/node.key" "$stage/node.key"
  (
    umask 022
    cat "$tmp/leaf.crt" >"$stage/node.crt"
    cat "$tmp/chain.crt" >"$stage/chain.crt"
    write_meta >"$stage/meta.json"
  )
  # As the package was told (--owner): whoever reads its files reads the identity.
  # shellcheck disable=SC2012
  owner=$(ls -ln "$dir/joinery.env" | awk '{ print $3 ":" $4 }')
  [ "$owner" = 0:0 ] || chown -R "$owner" "$stage"
  settle "$stage/node.key" "$stage/node.crt" "$stage/chain.crt" "$stage/meta.json" "$stage"
  mv "$stage" "$dir/identity/$made"
  ln -s "$made" "$dir/identity/.current"
  rename_link "$dir/identity/.current" "$dir/identity/current"
  settle "$dir/identity"
  prune "$made"
  set -f
  current="$dir/identity/$made"
}

# Keeps the new generation $1 and the one before it.
prune() {
  before=
  [ -z "$current" ] || before=${current##*/}
  for each in "$dir"/identity/gen-*; do
    case ${each##*/} in
      "$1" | "$before") ;;
      *) rm -rf "$each" ;;
    esac
  done
}

# Sets current to the generation in use, and empty where there is none whose pair matches.
find_current() {
  current=
  [ -L "$dir/identity/current" ] || return 0
  found="$dir/identity/$(readlink "$dir/identity/current")"
  if [ -s "$found/node.key" ] && [ -s "$found/node.crt" ] && pair_matches "$found"; then current=$found; fi
}

pair_matches() {
  [ "$(public_key x509 -in "$1/node.crt" -noout -pubkey)" = "$(public_key pkey -in "$1/node.key" -pubout)" ]
}

# What is of no use once the identity stands: the token, the key that is in the identity now, a body with the token in it.
forget_secrets() {
  rm -f "$token_file" "$dir/pending/node.key" "$dir/pending/for"
  settle "$dir/pending"
}

say_identity() {
  end=$(openssl x509 -in "$current/node.crt" -noout -enddate | sed 's/^notAfter=//')
  say info "$1 as $(identity_of "$current/node.crt"), until $end"
}

# --- afterwards ---------------------------------------------------------------------------------------------------------

# Each line of reload.conf is a consumer: `unit NAME`, `signal NAME PIDFILE`, `command PATH`. Run only for a pair that matches, and
# again by the next run until each has been told of it. Whoever installed the identity, this script or the program, does not matter.
reload() {
  [ -n "$current" ] || die 84 "$dir/identity: expected a key and its certificate, found none that match: no hook was run"
  [ "$(cat "$dir/pending/told" 2>/dev/null)" != "${current##*/}" ] || return 0
  failed=0
  if [ -r "$dir/reload.conf" ]; then
    while read -r kind first second _; do
      case $kind in
        '' | '#'*) continue ;;
      esac
      run_hook "$kind" "$first" "$second" || {
        say err "$dir/reload.conf: $kind $first: expected it to reload, found that it failed"
        failed=1
      }
    done <"$dir/reload.conf"
  fi
  [ "$failed" -eq 0 ] || exit 79
  printf '%s\n' "${current##*/}" >"$dir/pending/told"
}

# Without the lock: what a hook starts may live longer than this run.
run_hook() {
  case $1 in
    unit) systemctl reload-or-restart -- "$2" </dev/null >&2 9>&- ;;
    signal) kill -s "$2" "$(head -n 1 "$3")" ;;
    command) "$2" "$current" </dev/null >&2 9>&- ;;
    *) return 1 ;;
  esac
}

# A service that may not touch others runs them in a step of its own (JOINERY_HOOKS=later, then the verb reload).
hooks() {
  [ "${JOINERY_HOOKS:-}" = later ] || reload
}

# Tells the server which trust is on this node. What fails here fails nobody.
report_trust() {
  stamps=$(grep -o '"updated_at":"[0-9T:Z-]\{20\}"' "$dir/trust/state.json")
  body='{"purposes":{'
  comma=
  line=1
  for purpose in control-plane-https node-cert-lifecycle; do
    stamp=$(printf '%s\n' "$stamps" | sed -n "${line}p")
    body="$body$comma\"$purpose\":{\"version\":$(state_of "$purpose" held),\"fingerprint\":\"$(state_of "$purpose" fingerprint)\",$stamp}"
    comma=,
    line=2
  done
  printf '%s}}' "$body" >"$tmp/request"
  ask POST /v1/trust-report identity application/json "$tmp/request"
  [ "$failure" -eq 0 ] || say notice "the trust of this node was not reported: $why"
}

# $1 path, $2 'identity' or '', $3 identity that is expected, $4 join or renew
obtain() {
  ask_until_deadline "$1" "$2" "$tmp/request" "$5"
  rm -f "$tmp/request"
  audit_id=$(header joinery-audit-id)
  split_chain
  check_versions
  check_certificate "$3"
  describe_certificate
  install_identity
  forget_secrets
  write_status "$4"
  say_identity "$4: audit id ${audit_id:-not told},"
  report_trust
}

join() {
  prepare
  check_trust
  find_current
  if [ -n "$current" ] && openssl x509 -in "$current/node.crt" -noout -checkend 0 >/dev/null; then
    forget_secrets
    say_identity 'joined already'
    hooks
    return 0
  fi
  check_rename
  wait_for_clock
  make_key join
  make_csr
  write_join_body
  obtain /v1/join '' '' join write_join_body
  hooks
}

renew() {
  prepare
  check_trust
  wait_for_clock
  find_current
  if [ -z "$current" ] || ! openssl x509 -in "$current/node.crt" -noout -checkend 0 >/dev/null; then
    die 84 "$dir/identity: expected a certificate that has not expired, found none: put a new token into $token_file and run join"
  fi
  if [ -n "$if_due" ] && ! is_due; then
    hooks
    return 0
  fi
  check_rename
  make_key "$(openssl x509 -in "$current/node.crt" -noout -serial | sed 's/^serial=//' | tr 'A-F' 'a-f')"
  named=$(identity_of "$current/node.crt")
  [ -z "$named" ] || named="URI:$named"
  make_csr
  write_renew_body
  obtain /v1/renew identity "$(identity_of "$current/node.crt")" renew write_renew_body
  hooks
}

# A shell cannot verify the signatures of a trust manifest and does not try: that is for the program.
trust() {
  load_settings
  program=joinery
  for each in "$here/joinery" '@PROGRAM@'; do
    [ ! -x "$each" ] || program=$each
  done
  if ! have "$program"; then
    say info 'the trust bundles stay as they are: the joinery program is not on this node'
    return 0
  fi
  for purpose in control-plane-https node-cert-lifecycle; do
    bundle=$https_bundle
    [ "$purpose" = control-plane-https ] || bundle=$node_bundle
    status=1
    for url in $urls; do
      status=0
      "$program" trust apply "${url%/}/v1/trust/$purpose" --purpose "$purpose" --path "$bundle" --state "$dir/trust/state.json" >&2 || status=$?
      [ "$status" -eq 7 ] || break
    done
    [ "$status" -eq 0 ] || [ "$status" -eq 7 ] || die 85 "$purpose: expected joinery trust apply to accept, found status $status"
  done
}

# --- the command line ---------------------------------------------------------------------------------------------------

seconds() {
  case $2 in
    '' | *[!0-9]* | ???????*) die 64 "$1: expected seconds, found something else" ;;
  esac
}

[ "$#" -ge 1 ] || die 64 'expected join, renew, reload or trust, found nothing'
[ "$1" != node ] || shift
verb=${1:-}
[ -z "$verb" ] || shift
while [ "$#" -gt 0 ]; do
  case $1 in
    --if-due) if_due=1 ;;
    --directory | --deadline | --clock-deadline)
      [ "$#" -ge 2 ] || die 64 "$1: expected a value, found none"
      case $1 in
        --directory) dir=${2%/} ;;
        --deadline) seconds "$1" "$2" && deadline=$2 ;;
        --clock-deadline) seconds "$1" "$2" && clock_deadline=$2 ;;
      esac
      shift
      ;;
    *) die 64 "expected --directory, --if-due, --deadline or --clock-deadline, found another argument" ;;
  esac
  shift
done
seconds JOINERY_DEADLINE "$deadline"
case $dir in
  /*) ;;
  *) die 64 '--directory: expected an absolute path, found another' ;;
esac

case $verb in
  join) join ;;
  renew) renew ;;
  trust) trust ;;
  reload)
    prepare
    find_current
    reload
    ;;
  *) die 64 'expected join, renew, reload or trust, found another verb' ;;
esac
