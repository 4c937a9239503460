/* entry.h - what the log may say: one table of kinds, one table of fields, nothing else.
 *
 * An entry is one line of canonical JSON.  Names, numbers and digests only: what people wrote is
 * never a field.  content.h adds what may be said of a text: nothing, a commitment, or that it lies
 * sealed beside the entry.
 *
 * Thread: any. */
#ifndef HTH_AUDIT_ENTRY_H
#define HTH_AUDIT_ENTRY_H

#include "crypt/hash.h"

typedef enum HthEntryType {
    HTH_ENTRY_START, /* the program began: build, cage */
    HTH_ENTRY_STOP,
    HTH_ENTRY_ACCEPTED, /* a request */
    HTH_ENTRY_REFUSED,
    HTH_ENTRY_FINISHED,
    HTH_ENTRY_LOAD, /* a model */
    HTH_ENTRY_UNLOAD,
    HTH_ENTRY_KEY, /* a key, a user or the policy changed */
    HTH_ENTRY_USER,
    HTH_ENTRY_POLICY,
    HTH_ENTRY_ERASE, /* a subject's key was, or is about to be, destroyed */
    HTH_ENTRY_REPAIRED, /* a torn tail was cut off */
    HTH_ENTRY_RESTORED, /* this state is that of a backup, whose log ended so */
    HTH_ENTRY_CHECKPOINT, /* the tree up to and with this entry is about to be signed */
    HTH_ENTRY_TYPES
} HthEntryType;

typedef enum HthEntryField {
    HTH_FIELD_ACTION,
    HTH_FIELD_ADAPTERS,
    HTH_FIELD_API,
    HTH_FIELD_BUILD,
    HTH_FIELD_BYTES,
    HTH_FIELD_CAGE,
    HTH_FIELD_CAGE_TEST,
    HTH_FIELD_COMMIT,
    HTH_FIELD_CONTENT,
    HTH_FIELD_EVENT,
    HTH_FIELD_FINISH,
    HTH_FIELD_KEY,
    HTH_FIELD_MODEL,
    HTH_FIELD_MODEL_SHA256,
    HTH_FIELD_MODEL_SHA3,
    HTH_FIELD_OUTPUT,
    HTH_FIELD_OUTPUT_TOKENS,
    HTH_FIELD_PROMPT_TOKENS,
    HTH_FIELD_REASON,
    HTH_FIELD_REQUEST,
    HTH_FIELD_ROOT_SHA256,
    HTH_FIELD_ROOT_SHA3,
    HTH_FIELD_ROUTE,
    HTH_FIELD_SEALED,
    HTH_FIELD_SIZE,
    HTH_FIELD_STATUS,
    HTH_FIELD_SUBJECT,
    HTH_FIELD_USER,
    HTH_FIELD_VERSION,
    HTH_ENTRY_FIELDS
} HthEntryField;

typedef struct HthEntryValue {
    bool there;
    HthStr text; /* borrowed until the entry is written */
    uint64_t number;
    uint8_t digest[HTH_HASH_BYTES];
} HthEntryValue;

typedef struct HthEntry {
    HthEntryType type;
    int64_t time_s; /* since 1970 */
    HthEntryValue v[HTH_ENTRY_FIELDS];
} HthEntry;

const char *hth_entry_name(HthEntryType type); /* "accepted" */
const char *hth_entry_field(HthEntryField field); /* "output_tokens" */

void hth_entry_begin(HthEntry *e, HthEntryType type); /* now */
void hth_entry_text(HthEntry *e, HthEntryField field, HthStr text);
void hth_entry_number(HthEntry *e, HthEntryField field, uint64_t number); /* at most 2^53 */
void hth_entry_digest(HthEntry *e, HthEntryField field, const uint8_t digest[HTH_HASH_BYTES]);

/* Appends it.  EINVAL: a field that this kind does not have or must have, of another sort, too
 * long, not UTF-8, with control characters. */
HTH_MUST_CHECK HthStatus hth_entry_write(HthBuf *out, const HthEntry *e, HthErr *err);
/* Reads what hth_entry_write wrote, and nothing else: EFORMAT.  Texts borrow from room, to which
 * they are appended. */
HTH_MUST_CHECK HthStatus hth_entry_read(HthEntry *out, HthBuf *room, HthStr text, HthErr *err);

#endif
