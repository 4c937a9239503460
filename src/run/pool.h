/* pool.h - how the rows of a text become one.
 *
 * Rows come in order of position, and sums are of doubles in that order: a vector does not depend
 * on how its text was cut into steps.
 *
 * Thread: any. */
#ifndef HTH_RUN_POOL_H
#define HTH_RUN_POOL_H

#include "model/model.h"

/* What a text's vector is made of: MEAN, CLS or LAST.  Where the file does not say: the mean of an
 * encoder's rows, the last row of others.  Of a model that ranks: what its scores are made of. */
HthPooling hth_pooling_of(const HthModel *model);
/* Takes the next row [n] into sum [n], which need not hold anything where first. */
void hth_pool_row(HthPooling how, double *sum, const float *row, uint32_t n, bool first);
/* After `rows` rows: their mean, the first or the last, [n]. */
void hth_pool_mean(HthPooling how, const double *sum, size_t rows, float *out, uint32_t n);
/* The same with length one; zeros where sum is: a mean and a sum have one direction. */
void hth_pool_unit(const double *sum, float *out, uint32_t n);

#endif
