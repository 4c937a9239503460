/* receipt_int.h - facts as a predicate and back: what the receipt's files share.
 *
 * Thread: any. */
#ifndef HTH_AUDIT_RECEIPT_INT_H
#define HTH_AUDIT_RECEIPT_INT_H

#include "audit/receipt.h"

/* Appends the statement, in canonical JSON. EINVAL: a fact that no receipt can hold. */
HthStatus hth_receipt_statement(HthBuf *out, const HthReceiptFacts *facts, HthErr *err);
/* The facts of a statement, borrowed from it.  EFORMAT; ENOTSUP: a later kind. Members it does not
 * know are passed over: writing the facts again shows whether there were any. */
HthStatus hth_receipt_facts(HthReceiptFacts *out, const json_t *statement, HthErr *err);

#endif
