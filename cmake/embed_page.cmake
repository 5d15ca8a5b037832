# Makes a C source of the page of `pirn serve`:
#     cmake -D PAGE=src/cli/page.html -D SOURCE=page_data.c -P cmake/embed_page.cmake
# It holds the page, cut in two where the close codes go, and its Content-Security-Policy, which
# names its one style and its one script by their hashes.

file(READ ${PAGE} page)
if(page MATCHES "[^\t\n -~]")
    message(FATAL_ERROR "${PAGE} must be plain ASCII")
endif()

# 256 bits as base64: twelve at a time, then "=" for the byte that was filled up.
function(base64_of_hex variable hex)
    set(alphabet ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
    foreach(at RANGE 0 63 3)
        string(SUBSTRING ${hex}00 ${at} 3 digits)
        math(EXPR high "0x${digits} >> 6")
        math(EXPR low "0x${digits} & 63")
        string(SUBSTRING ${alphabet} ${high} 1 first)
        string(SUBSTRING ${alphabet} ${low} 1 second)
        string(APPEND base64 ${first}${second})
    endforeach()
    string(SUBSTRING ${base64} 0 43 base64)
    set(${variable} ${base64}= PARENT_SCOPE)
endfunction()

function(hash_of_element variable tag)
    string(FIND "${page}" "<${tag}>" begin)
    string(FIND "${page}" "</${tag}>" end REVERSE)
    string(LENGTH "<${tag}>" skip)
    math(EXPR begin "${begin} + ${skip}")
    math(EXPR len "${end} - ${begin}")
    string(SUBSTRING "${page}" ${begin} ${len} content)
    string(SHA256 hex "${content}")
    base64_of_hex(base64 ${hex})
    set(${variable} "'sha256-${base64}'" PARENT_SCOPE)
endfunction()

# The elements of a NUL-terminated array of char.
function(chars_of variable text)
    string(HEX "${text}" hex)
    string(REGEX REPLACE "(................................)" "\\1\n" lines "${hex}00")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," chars "${lines}")
    set(${variable} "${chars}" PARENT_SCOPE)
endfunction()

hash_of_element(style style)
hash_of_element(script script)
string(CONCAT policy "default-src 'none'; style-src ${style}; script-src ${script}; "
       "img-src data:; connect-src ws: wss:; base-uri 'none'; form-action 'none'; "
       "frame-ancestors 'none'")

set(cut "@CLOSE_CODES@")
string(FIND "${page}" ${cut} at)
string(LENGTH ${cut} skip)
math(EXPR behind "${at} + ${skip}")
string(SUBSTRING "${page}" 0 ${at} before)
string(SUBSTRING "${page}" ${behind} -1 after)
chars_of(before "${before}")
chars_of(after "${after}")

file(WRITE ${SOURCE} "/* Made from page.html by cmake/embed_page.cmake. */
#include \"page.h\"

const char page_policy[] = \"${policy}\";
const char page_before_codes[] = {
${before}};
const char page_after_codes[] = {
${after}};
")
