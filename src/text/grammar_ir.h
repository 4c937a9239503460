/* grammar_ir.h - the pieces a grammar is put together from.
 *
 * Nodes are made once and used any number of times; a node made of others only names them.
 * Every maker returns HTH_NODE_NONE when memory or the ceiling of nodes ran out and passes a
 * HTH_NODE_NONE on, so that a builder checks once at the end (hth_ir_status).
 *
 * Thread: one owner. */
#ifndef HTH_TEXT_GRAMMAR_IR_H
#define HTH_TEXT_GRAMMAR_IR_H

#include "base/str.h"
#include "text/dfa.h"

typedef struct HthIr HthIr;
typedef uint32_t HthNode;
#define HTH_NODE_NONE UINT32_MAX
#define HTH_MANY      UINT32_MAX /* no upper bound */

HTH_MUST_CHECK HthStatus hth_ir_open(HthIr **out, HthErr *err);
void hth_ir_close(HthIr **ir);
HTH_MUST_CHECK HthStatus hth_ir_status(const HthIr *ir, HthErr *err); /* ENOMEM or ELIMIT, or OK */

HthNode hth_ir_bytes(HthIr *ir, HthStr bytes); /* exactly these; empty: nothing */
/* A regular language; the automaton is copied. Empty language: this alternative is impossible. */
HthNode hth_ir_dfa(HthIr *ir, const HthByteDfa *dfa);
HthNode hth_ir_seq(HthIr *ir, const HthNode *nodes, size_t n);
HthNode hth_ir_alt(HthIr *ir, const HthNode *nodes, size_t n); /* n 0: impossible */
HthNode hth_ir_repeat(HthIr *ir, HthNode node, uint32_t min, uint32_t max);
/* For recursion: a rule may be used before it is defined. */
HthNode hth_ir_rule(HthIr *ir);
void hth_ir_define(HthIr *ir, HthNode rule, HthNode body);

/* Named things in any order, each at most once: the members of a JSON object. The text is
 *   entry (separator entry)*      entry = key value (the colon belongs to the key)
 * with min..max entries in all; entries beyond the named ones match `extra`, any number of them. An
 * extra key must not be one that is named (its language leaves those out). State: a bit per member
 * and a count, kept in the stack frame of the object, so that n members cost n and not n!. */
typedef struct HthMember {
    HthNode key, value;
    bool required;
} HthMember;
typedef struct HthMembers {
    const HthMember *named;
    size_t named_count; /* at most HTH_MEMBERS_MAX */
    HthNode extra_key, extra_value; /* HTH_NODE_NONE: no extras */
    HthNode separator;
    uint32_t min, max; /* HTH_MANY */
} HthMembers;
enum { HTH_MEMBERS_MAX = 4096 };
HthNode hth_ir_members(HthIr *ir, const HthMembers *m);

#endif
