/* schema.h - a JSON Schema (draft 2020-12) as a grammar of the texts it admits.
 *
 * Fails closed: a keyword that restricts and is not understood here is ENOTSUP naming it and where
 * it stands ("#/properties/a: uniqueItems is not supported"), never ignored.  Annotations (title,
 * description, default, examples, ...) are ignored, as the standard says.  docs/SCHEMA.md lists
 * both.
 *
 * Thread: any. */
#ifndef HTH_TEXT_SCHEMA_H
#define HTH_TEXT_SCHEMA_H

#include "base/json.h"
#include "text/grammar_ir.h"

typedef enum HthJsonSpace {
    HTH_SPACE_ANY, /* as JSON has it: blanks and newlines between all tokens (bounded runs) */
    HTH_SPACE_ONE /* at most one blank after a colon or comma: what a model should write */
} HthJsonSpace;

/* A schema says itself which it wants with "x-hearth-format": "assertion" or "annotation" at its
 * root; the option is for those that do not. */
typedef enum HthSchemaFormats {
    HTH_FORMATS_ASSERTED, /* a text must keep to its format (vocabulary format-assertion) */
    HTH_FORMATS_NOTED /* format restricts nothing (format-annotation) */
} HthSchemaFormats;
typedef struct HthSchemaOpt {
    HthJsonSpace space;
    HthSchemaFormats formats;
} HthSchemaOpt;

HTH_MUST_CHECK HthStatus hth_schema(HthIr *ir, const json_t *schema, HthSchemaOpt opt, HthNode *out,
                                    HthErr *err);
/* Any JSON value; any JSON object ("format": "json"). */
HTH_MUST_CHECK HthStatus hth_schema_any(HthIr *ir, bool object, HthJsonSpace space, HthNode *out,
                                        HthErr *err);

#endif
