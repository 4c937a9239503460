/* book.h - encoders of IQ1, IQ2 and IQ3: which entry of a codebook a group of weights becomes.
 * Private to kern/fmt.
 *
 * Thread: any. */
#ifndef HTH_KERN_FMT_BOOK_H
#define HTH_KERN_FMT_BOOK_H

#include "kern/fmt/iq.h"

typedef enum HthBookSigns {
    HTH_BOOK_FREE, /* a bit to each weight */
    HTH_BOOK_EVEN, /* of eight weights an even number is negative */
    HTH_BOOK_SHIFT_GROUP, /* none; all values of a group of one scale are one more, or one less */
    HTH_BOOK_SHIFT_ENTRY, /* the same to each entry */
} HthBookSigns;

/* 256 weights as d*unit*(2*sc+1)*value. */
typedef struct HthBookFmt {
    const uint16_t *grid; /* ascending */
    uint32_t count;
    uint32_t bits; /* of a value number: 2 (entries of eight weights) or 3 (of four) */
    float values[8]; /* what the numbers mean; shifted ones before their shift */
    uint32_t group; /* weights to a scale: 16 or 32 */
    int top; /* the largest sc */
    float unit;
    HthBookSigns signs;
} HthBookFmt;

typedef struct HthBookBlock {
    uint16_t d; /* half */
    uint8_t sc[16]; /* by group */
    uint16_t index[64]; /* by entry */
    uint8_t signs[32]; /* by eight weights */
    bool less[32]; /* by entry */
} HthBookBlock;

/* Rows of n weights, block by block: put writes one block as it lies on disk. */
typedef void HthBookPut(const HthBookBlock *block, uint8_t *to);
void hth_book_quant(const HthBookFmt *f, const float *in, const float *imp, size_t n,
                    HthBookPut *put, uint8_t *to, size_t block_bytes);

#endif
