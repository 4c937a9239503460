/* panel.c - rows to panels and back.
 *
 * Moves bytes; knows no format but by the size of its blocks.
 *
 * Thread: any. */
#include "kern/fmt/panel.h"

enum { ROWS = HTH_PANEL_ROWS };

bool hth_fmt_has_panels(const HthFmt *fmt) {
    return fmt->act == HTH_ACT_Q8 && hth_kern_at(0)->linear_panels[hth_fmt_index(fmt)] != NULL;
}

/* Where block b of row r has its odd bytes and its first word; blocks: of one row. */
static size_t odd_at(size_t bytes, size_t b, uint32_t r) {
    return (b * ROWS + r) * HTH_PANEL_ODD(bytes);
}
static size_t word_at(size_t bytes, size_t blocks, size_t b, uint32_t r) {
    return odd_at(bytes, blocks, 0) + (b * HTH_PANEL_WORDS(bytes) * ROWS + r) * 4;
}

void hth_panel_block(const uint8_t *panel, size_t bytes, size_t blocks, uint32_t r, size_t b,
                     uint8_t *out) {
    const uint8_t *w = panel + word_at(bytes, blocks, b, r);
    memcpy(out + HTH_PANEL_ODD_AT(bytes), panel + odd_at(bytes, b, r), HTH_PANEL_ODD(bytes));
    out += HTH_PANEL_WORDS_AT(bytes);
    for (size_t i = 0; i < HTH_PANEL_WORDS(bytes); i++) memcpy(out + i * 4, w + i * ROWS * 4, 4);
}

static void put_block(uint8_t *panel, size_t bytes, size_t blocks, uint32_t r, size_t b,
                      const uint8_t *in) {
    uint8_t *w = panel + word_at(bytes, blocks, b, r);
    memcpy(panel + odd_at(bytes, b, r), in + HTH_PANEL_ODD_AT(bytes), HTH_PANEL_ODD(bytes));
    in += HTH_PANEL_WORDS_AT(bytes);
    for (size_t i = 0; i < HTH_PANEL_WORDS(bytes); i++) memcpy(w + i * ROWS * 4, in + i * 4, 4);
}

void hth_panel_pack(const HthFmt *fmt, const uint8_t *rows, size_t row_bytes, uint8_t *panel) {
    size_t bytes = fmt->block_bytes, blocks = row_bytes / bytes;
    HTH_ASSERT(hth_fmt_has_panels(fmt));
    for (size_t b = 0; b < blocks; b++)
        for (uint32_t r = 0; r < ROWS; r++)
            put_block(panel, bytes, blocks, r, b, rows + r * row_bytes + b * bytes);
}

void hth_panel_unpack(const HthFmt *fmt, const uint8_t *panel, size_t row_bytes, uint8_t *rows) {
    size_t bytes = fmt->block_bytes, blocks = row_bytes / bytes;
    HTH_ASSERT(hth_fmt_has_panels(fmt));
    for (size_t b = 0; b < blocks; b++)
        for (uint32_t r = 0; r < ROWS; r++)
            hth_panel_block(panel, bytes, blocks, r, b, rows + r * row_bytes + b * bytes);
}

void hth_panel_dequant(const HthFmt *fmt, const uint8_t *panel, size_t row_bytes, uint32_t row,
                       float *out) {
    uint8_t block[HTH_PANEL_BLOCK_MAX];
    size_t bytes = fmt->block_bytes, blocks = row_bytes / bytes;
    HTH_ASSERT(bytes <= sizeof block && row < ROWS);
    for (size_t b = 0; b < blocks; b++, out += fmt->block_len) {
        hth_panel_block(panel, bytes, blocks, row, b, block);
        fmt->dequant(block, out, fmt->block_len);
    }
}
