/* Well-formed UTF-8, by table 3-7 of the Unicode standard. */
#include "utf8.h"
#include <string.h>

/* How many bytes of the character at the start are as they should be. `*whole`: all of them. */
static size_t character(const uint8_t *bytes, size_t length, bool *whole) {
  uint8_t first = bytes[0], low = 0x80, high = 0xbf;
  size_t more;
  *whole = false;
  if (first < 0x80) more = 0;
  else if (first >= 0xc2 && first <= 0xdf) more = 1;
  else if (first >= 0xe0 && first <= 0xef) more = 2;
  else if (first >= 0xf0 && first <= 0xf4) more = 3;
  else return 0;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  size_t seen = 1;
  for (; seen <= more; seen++) {
    if (seen == length || bytes[seen] < low || bytes[seen] > high) return seen;
    low = 0x80;
    high = 0xbf;
  }
  *whole = true;
  return seen;
}

size_t utf8_valid(const uint8_t *bytes, size_t length) {
  size_t at = 0;
  while (at < length) {
    bool whole;
    size_t step = character(bytes + at, length - at, &whole);
    if (!whole) break;
    at += step;
  }
  return at;
}

size_t utf8_broken(const uint8_t *bytes, size_t length) {
  bool whole;
  size_t seen = character(bytes, length, &whole);
  return seen ? seen : 1;
}

void utf8_mend_surrogates(uint8_t *bytes, size_t length) {
  uint8_t *end = bytes + length, *at = bytes;
  while (end - at >= 3 && (at = memchr(at, 0xed, end - at - 2))) {
    if (at[1] >= 0xa0) memcpy(at, "\xef\xbf\xbd", 3);
    at++;
  }
}
