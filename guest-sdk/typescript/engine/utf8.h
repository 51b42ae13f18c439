/* Text in UTF-8: what QuickJS does not do itself. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes from the start on are well-formed. */
size_t utf8_valid(const uint8_t *bytes, size_t length);

/* How many bytes at the start, which are not well-formed, stand for one U+FFFD (the longest
 * beginning of a character, else one): as the Encoding standard has it. */
size_t utf8_broken(const uint8_t *bytes, size_t length);

/* Puts U+FFFD in place of each surrogate that is encoded by itself: it is as long. */
void utf8_mend_surrogates(uint8_t *bytes, size_t length);
