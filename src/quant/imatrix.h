/* imatrix.h - an importance matrix: how much each column of each matrix is used.
 *
 * A GGUF file of the field's: for a tensor NAME there are NAME.in_sum2 [columns, matrices], the sum
 * of the squares of what a column was multiplied with, and NAME.counts [1, matrices], of how many
 * rows.  docs/formats/imatrix.md
 *
 * Thread: immutable after open; any. */
#ifndef HTH_QUANT_IMATRIX_H
#define HTH_QUANT_IMATRIX_H

#include "gguf/gguf.h"

typedef struct HthImatrix HthImatrix;

/* All of it is checked: EFORMAT where it is no importance matrix, or a number is negative or not
 * finite; whatever hth_gguf_open says. */
HTH_MUST_CHECK HthStatus hth_imatrix_open(HthImatrix **out, const char *path, HthErr *err);
/* Over memory the caller keeps alive. */
HTH_MUST_CHECK HthStatus hth_imatrix_open_mem(HthImatrix **out, const void *data, size_t n,
                                              HthErr *err);
void hth_imatrix_close(HthImatrix **im);
const HthGguf *hth_imatrix_gguf(const HthImatrix *im); /* its bytes, its metadata */
size_t hth_imatrix_count(const HthImatrix *im); /* tensors it speaks of */

/* What the columns of matrix number `which` of a tensor (cols long, of `count`) count, into
 * out[cols]: means of squares, their mean made 1, none below 2^-12.  One matrix's figures are for
 * all where the file has only one.  *known false, out untouched: it does not speak of that tensor,
 * or nothing ever went through that matrix.  EINVAL: it is of another model. */
HTH_MUST_CHECK HthStatus hth_imatrix_columns(const HthImatrix *im, HthStr tensor, uint64_t cols,
                                             uint64_t count, uint64_t which, float *out,
                                             bool *known, HthErr *err);

#endif
