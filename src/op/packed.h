/* packed.h - a matrix's second home: its rows as panels (kern.h), once somebody has made them.
 *
 * Products give the same bits either way, so panels may appear at any moment; whoever finds them
 * uses them.  They are made while a product runs: a work item packs its rows, then multiplies with
 * what it packed, so that no thread is added and the rows are read once.  The rows stay where they
 * were; what is no multiple of 16 rows is only there.
 *
 * Thread: any number of executors; the fields are atomic. */
#ifndef HTH_OP_PACKED_H
#define HTH_OP_PACKED_H

#include <stdatomic.h>

#include "kern/kern.h"

typedef struct HthPacked {
    _Atomic(const uint8_t *) panels; /* NULL until all are there */
    _Atomic bool taken; /* somebody makes them, or has */
    uint8_t *room; /* borrowed: where they go; NULL: nowhere, panels came with the file */
    bool forget; /* the rows are in a mapped file, and are not needed once there are panels */
} HthPacked;

/* Rows that fill panels. */
static inline uint32_t hth_packed_rows(uint32_t rows) {
    return rows / HTH_PANEL_ROWS * HTH_PANEL_ROWS;
}

#endif
