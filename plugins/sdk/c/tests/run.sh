#!/bin/sh
# Builds the SDK's tests for this machine and runs them: with the address and undefined-behaviour sanitizers where clang has them (Debian:
# libclang-rt-19-dev). `run.sh c` and `run.sh cpp` run those of one language.
set -eu
cd "$(dirname "$0")/.."
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
templates=${TEMPLATES:-../../templates}
pages=${PAGES:-../../../docs/sdk}

sanitize="-fsanitize=address,undefined -fno-sanitize-recover=all"
echo 'int main(void) { return 0; }' >"$made/probe.c"
if ! clang-19 $sanitize "$made/probe.c" -o "$made/probe" 2>/dev/null; then
    echo "without sanitizers: clang-19 has no runtime for them here"
    sanitize=""
fi
flags="-g -O1 $sanitize -Wall -Wextra -Werror -Wno-unused-parameter -Wno-format -I. -Itesting"

# test KIND SOURCE… : one program, of C or C++, with the kind's host for tests
test_of() {
    kind=$1
    shift
    objects=""
    for source in testing/$kind.c bindings/${kind}_step.c "$@"; do
        object="$made/$(echo "$source" | tr / _).o"
        case $source in
        bindings/*) clang-19 -std=c23 -g -O1 -w -c "$source" -o "$object" ;;
        *.cpp) clang++-19 -std=c++23 -fno-exceptions -fno-rtti -stdlib=libc++ $flags $defines -c "$source" -o "$object" ;;
        *) clang-19 -std=c23 $flags $defines -Wno-unused-function -Wno-attributes -c "$source" -o "$object" ;;
        esac
        objects="$objects $object"
    done
    case "$*" in
    *.cpp*) clang++-19 -stdlib=libc++ $sanitize $objects -lm -o "$made/test" ;;
    *) clang-19 $sanitize $objects -lm -o "$made/test" ;;
    esac
    echo "$kind: $*"
    "$made/test"
}

if [ "${1:-c}" = c ]; then
    suffix=c
else
    suffix=cpp
    echo '#include <format>' >"$made/probe.cpp"
    if ! clang++-19 -std=c++23 -stdlib=libc++ -fsyntax-only "$made/probe.cpp" 2>/dev/null; then
        echo "SKIPPED: the tests of C++, for there is no libc++ for this machine: apt-get install libc++-19-dev libc++abi-19-dev"
        exit 0
    fi
fi
for kind in transform global source; do
    defines="-D$(echo $kind | tr a-z A-Z)"
    test_of $kind "$templates/$suffix/$kind/step.$suffix" tests/templates.c
done
defines=""
# The group-by of the page.
for at in $(grep -n '^```'"$suffix"'$' "$pages/$suffix.md" | cut -d: -f1); do
    sed "1,${at}d;/^\`\`\`\$/,\$d" "$pages/$suffix.md" >"$made/block.$suffix"
    if grep -q 'Keeps the longest texts of each domain' "$made/block.$suffix"; then cp "$made/block.$suffix" "$made/longest.$suffix"; fi
done
test_of global "$made/longest.$suffix" tests/longest.c
if [ $suffix = c ]; then
    test_of transform tests/transform.c
    test_of transform tests/columns.c
    test_of transform tests/http.c
    test_of global tests/global.c
    test_of global tests/groups.c
else
    test_of transform tests/transform.cpp
fi
