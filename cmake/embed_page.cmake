# Makes a C source of the page of `pirn serve`:
#     cmake -D PAGE=src/cli/page.html -D CLIENT=js/pirn.js -D SOURCE=page_data.c
#           -P cmake/embed_page.cmake
# It holds the page, cut in two where the close codes go, the JavaScript client that the page
# imports, and a Content-Security-Policy, which names the page's one style and one script by their
# hashes.

function(read_ascii variable file)
    file(READ ${file} text)
    if(text MATCHES "[^\t\n -~]")
        message(FATAL_ERROR "${file} must be plain ASCII")
    endif()
    set(${variable} "${text}" PARENT_SCOPE)
endfunction()

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

function(hash_of_element variable start_tag end_tag)
    string(FIND "${page}" "${start_tag}" begin)
    string(FIND "${page}" "${end_tag}" end REVERSE)
    string(LENGTH "${start_tag}" skip)
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

read_ascii(page ${PAGE})
read_ascii(client ${CLIENT})
hash_of_element(style "<style>" "</style>")
hash_of_element(script "<script type=\"module\">" "</script>")
string(CONCAT policy "default-src 'none'; style-src ${style}; script-src 'self' ${script}; "
       "img-src data:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; "
       "frame-ancestors 'none'")

set(cut "@CLOSE_CODES@")
string(FIND "${page}" ${cut} at)
string(LENGTH ${cut} skip)
math(EXPR behind "${at} + ${skip}")
string(SUBSTRING "${page}" 0 ${at} before)
string(SUBSTRING "${page}" ${behind} -1 after)
chars_of(before "${before}")
chars_of(after "${after}")
chars_of(client "${client}")

file(WRITE ${SOURCE} "/* Made from page.html and pirn.js by cmake/embed_page.cmake. */
#include \"page.h\"

const char page_policy[] = \"${policy}\";
const char page_before_codes[] = {
${before}};
const char page_after_codes[] = {
${after}};
const char page_client[] = {
${client}};
")
