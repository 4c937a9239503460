/* item.h - a question with choices, from a line of JSON; any bytes may come.
 *
 * The published test sets call the same things by many names: HellaSwag, ARC, OpenBookQA, PIQA,
 * Social IQa, BoolQ, WinoGrande and BLiMP are read as they come (docs/formats/choice.md).
 *
 * Thread: any; an item belongs to one thread at a time. */
#ifndef HTH_EVAL_ITEM_H
#define HTH_EVAL_ITEM_H

#include "base/json.h"

enum {
    HTH_EVAL_CHOICES_MAX = 32,
    HTH_EVAL_LINE_MAX = 1 << 20, /* bytes */
    HTH_EVAL_GROUP_MAX = 64 /* bytes of a group's name */
};

/* How a line is read. */
typedef enum HthEvalStyle {
    HTH_EVAL_AUTO, /* by the members it has */
    HTH_EVAL_ENDING, /* a text and its endings */
    HTH_EVAL_QUESTION, /* a question and its answers */
    HTH_EVAL_BOOL, /* a question to be answered yes or no */
    HTH_EVAL_BLANK, /* a sentence with a _, and what may stand there */
    HTH_EVAL_PAIR /* two sentences: the first is right */
} HthEvalStyle;
extern const char *const hth_eval_styles[]; /* their names, in that order; ends with NULL */

typedef struct HthEvalChoice {
    size_t context, all; /* bytes of text that are given, and up to where it goes */
    size_t at; /* where its text begins */
    size_t own; /* bytes of the choice itself, for the length-normalised score */
} HthEvalChoice;

typedef struct HthEvalItem {
    HthBuf text; /* of all choices, one after the other: given text, then what is scored */
    HthEvalChoice choices[HTH_EVAL_CHOICES_MAX];
    uint32_t count, label; /* label: the right one */
    char group[HTH_EVAL_GROUP_MAX + 1]; /* "" where no member was asked for */
} HthEvalItem;

void hth_eval_item_init(HthEvalItem *item);
void hth_eval_item_drop(HthEvalItem *item);
/* Reads one line into item, whatever was in it. group: the member that names the item's group, or
 * NULL. EFORMAT says what is missing or wrong and never quotes the line; ENOMEM. */
HTH_MUST_CHECK HthStatus hth_eval_item_read(HthEvalItem *item, HthStr line, HthEvalStyle style,
                                            const char *group, HthErr *err);

/* The same of a text for reading: its member "text". *text lasts as long as *owner, the caller's
 * reference. */
HTH_MUST_CHECK HthStatus hth_eval_text_read(json_t **owner, HthStr *text,
                                            char group[HTH_EVAL_GROUP_MAX + 1], HthStr line,
                                            const char *member, HthErr *err);

#endif
