/* name.h - names of models: [namespace/]name[:tag].
 *
 * A name comes from strangers and becomes part of a path, so the alphabet is small: letters,
 * digits, '.', '_' and '-', beginning with a letter, a digit or '_', never two dots in a row. No
 * tag means "latest".  What a name says is never more than one folder below the one it is looked
 * for in.
 *
 * Thread: any. */
#ifndef HTH_VAULT_NAME_H
#define HTH_VAULT_NAME_H

#include "base/buf.h"

enum {
    HTH_NAME_PART_MAX = 128, /* bytes of a namespace, a name or a tag */
    HTH_NAME_MAX = 3 * HTH_NAME_PART_MAX + 2
};

typedef struct HthName {
    char space[HTH_NAME_PART_MAX + 1]; /* "": none */
    char name[HTH_NAME_PART_MAX + 1];
    char tag[HTH_NAME_PART_MAX + 1]; /* "latest" when none was given */
} HthName;

/* One part by itself: a name of a file without its ending, say. */
bool hth_name_part_ok(HthStr part);
/* EINVAL with a sentence that does not quote the text. */
HTH_MUST_CHECK HthStatus hth_name_parse(HthName *out, HthStr text, HthErr *err);
/* "space/name:tag", the tag always. */
void hth_name_print(char out[HTH_NAME_MAX + 1], const HthName *n);
/* The same without ":latest". */
void hth_name_print_short(char out[HTH_NAME_MAX + 1], const HthName *n);
bool hth_name_eq(const HthName *a, const HthName *b);

/* "sha256:" or "sha256-" and 64 lower-case hexadecimal digits; hex: those digits and a NUL. */
HTH_MUST_CHECK HthStatus hth_digest_parse(char hex[65], HthStr text, HthErr *err);

/* NAME-00001-of-00003: true, and the parts; false when a name does not end so. */
typedef struct HthNameSplit {
    size_t base_n; /* bytes of NAME */
    uint32_t part, count; /* from 1 */
} HthNameSplit;
bool hth_name_split(HthNameSplit *out, HthStr stem);

#endif
