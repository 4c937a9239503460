/* panel.h - where the bytes of a block lie in a panel.  Private to kern; kern.h has the functions.
 *
 * A panel is 16 rows, their bytes in another order, nothing added.  A block of a row is 4-byte
 * words, and for some formats an odd scale that fills no word: a half, or one byte.  Word i of the
 * 16 rows makes 64 bytes, row r at 4*r, so that one load gives every lane (a row) its part.
 *
 *     odd      block 0: 16 x 2 bytes (or 1), block 1, ...      (formats with an odd scale only)
 *     words    block 0: word 0 of 16 rows, word 1, ...; block 1; ...
 *
 * Thread: any. */
#ifndef HTH_KERN_FMT_PANEL_H
#define HTH_KERN_FMT_PANEL_H

#include "kern/fmt/fmt.h"

/* Of a block of `bytes` bytes: words; odd bytes (0, 1, 2); where those and words begin.  Blocks of
 * 32 weights begin with what is odd, those of 256 end with it. */
#define HTH_PANEL_WORDS(bytes)    ((bytes) / 4)
#define HTH_PANEL_ODD(bytes)      ((bytes) % 4)
#define HTH_PANEL_ODD_AT(bytes)   ((bytes) < 48 ? 0 : (bytes) / 4 * 4)
#define HTH_PANEL_WORDS_AT(bytes) ((bytes) < 48 ? (bytes) % 4 : 0)

enum { HTH_PANEL_BLOCK_MAX = 256 }; /* bytes; of every format that has panels */

/* Block b of row r as it was in the file; blocks: of one row. */
void hth_panel_block(const uint8_t *panel, size_t block_bytes, size_t blocks, uint32_t r, size_t b,
                     uint8_t *out);

#endif
