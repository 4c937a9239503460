/* grammar_int.h - what the parts of the grammar share: pieces, the compiled automaton, stacks.
 * Private to src/text.
 *
 * A compiled grammar is a recursive transition network: one deterministic automaton per procedure,
 * whose edges are bytes or calls.  A place in a text is a set of configurations (state, stack);
 * stacks are linked nodes, interned, so that equal stacks are one number.
 *
 * Thread: a grammar is immutable, any; a space has one owner. */
#ifndef HTH_TEXT_GRAMMAR_INT_H
#define HTH_TEXT_GRAMMAR_INT_H

#include "base/arena.h"
#include "base/map.h"
#include "text/grammar.h"

#define HTH_NONE  UINT32_MAX
#define HTH_FAR   UINT32_MAX /* no whole text can be reached */
#define HTH_EXTRA UINT32_MAX /* as a label: the extra member */

/* A growing array: room for one more element at p[n]. False: out of memory. */
bool hth_grow(void *pp, uint32_t *cap, uint32_t n, size_t size);

/* grammar_ir.c ------------------------------------------------------------------------------- */
typedef enum HthIrKind {
    HTH_IR_BYTES,
    HTH_IR_DFA,
    HTH_IR_SEQ,
    HTH_IR_ALT,
    HTH_IR_REPEAT,
    HTH_IR_RULE,
    HTH_IR_MEMBERS
} HthIrKind;

typedef struct HthIrNode {
    HthIrKind kind;
    uint32_t depth; /* of nodes below, rules not followed */
    uint32_t n; /* bytes; kids; members: named */
    uint32_t min, max; /* repeat, members */
    const void *data; /* bytes; kids uint32_t [n]; HthByteDfa; HthIrMembers */
} HthIrNode;

typedef struct HthIrMember {
    HthNode key, value;
    uint32_t required;
} HthIrMember;
typedef struct HthIrMembers {
    HthNode extra_key, extra_value, separator, unused_;
    HthIrMember named[]; /* [n] */
} HthIrMembers;

const HthIrNode *hth_ir_node(const HthIr *ir, HthNode node);
uint32_t hth_ir_count(const HthIr *ir);
HthNode hth_ir_body(const HthIr *ir, HthNode rule); /* HTH_NODE_NONE: not defined */
/* The nodes a node is made of, rules followed; at most `i` of them. HTH_NODE_NONE past the last. */
HthNode hth_ir_kid(const HthIr *ir, HthNode node, uint32_t i);

/* grammar_nfa.c ------------------------------------------------------------------------------ */
typedef enum HthArcKind { HTH_ARC_EMPTY, HTH_ARC_BYTE, HTH_ARC_CALL } HthArcKind;
typedef struct HthArc {
    HthArcKind kind;
    uint8_t lo, hi;
    bool solid; /* CALL: what happens when the callee is empty is said elsewhere */
    uint32_t proc, to, next; /* next: arc of the same state, HTH_NONE at the end */
} HthArc;
/* A piece of the network before it is made deterministic. */
typedef struct HthRegion {
    uint32_t start;
    uint32_t end; /* accepts here, or HTH_NONE: at labelled states */
} HthRegion;
typedef struct HthNfaProc {
    HthNode node;
    HthRegion body;
    uint32_t members; /* HTH_NONE: an ordinary one */
    bool nullable;
} HthNfaProc;
typedef struct HthNfaMembers {
    HthNode node;
    HthRegion key, separator;
    uint32_t *value; /* [named + 1] procedures, last the extra one; HTH_NONE where there is none */
} HthNfaMembers;
typedef struct HthNfa {
    const HthIr *ir;
    uint32_t *arcs; /* [n] first arc of a state */
    uint32_t *label; /* [n] member index + 1 that ends here, 0: none; HTH_EXTRA */
    uint32_t n, cap, cap_label;
    HthArc *arc;
    uint32_t arc_n, arc_cap;
    HthNfaProc *proc;
    uint32_t proc_n, proc_cap;
    HthNfaMembers *members;
    uint32_t members_n, members_cap;
    uint32_t *proc_of; /* [nodes of ir] or HTH_NONE */
    uint8_t *is_proc; /* [nodes of ir] */
    HthArena *arena;
    uint32_t *mark, *list; /* [mark_cap]: closures */
    uint32_t mark_cap, stamp, list_n;
} HthNfa;
HTH_MUST_CHECK HthStatus hth_nfa_open(HthNfa *nfa, const HthIr *ir, HthNode root, HthErr *err);
void hth_nfa_close(HthNfa *nfa);
/* After begin and adds, nfa->list gets what those reach without a byte, sorted. The list has room
 * for every state only after hth_nfa_room. */
HTH_MUST_CHECK HthStatus hth_nfa_room(HthNfa *nfa, HthErr *err);
void hth_nfa_begin(HthNfa *nfa);
void hth_nfa_add(HthNfa *nfa, uint32_t state);
void hth_nfa_reach(HthNfa *nfa);
HTH_MUST_CHECK HthStatus hth_nfa_reach_from(HthNfa *nfa, uint32_t start, HthErr *err);
HTH_MUST_CHECK HthStatus hth_nfa_state(HthNfa *nfa, uint32_t *out, HthErr *err);
HTH_MUST_CHECK HthStatus hth_nfa_arc(HthNfa *nfa, uint32_t from, HthArc arc, HthErr *err);
/* grammar_left.c: rewrites left recursion away, so that no chain of calls comes back to its start
 * without a byte; and calls of itself at the very end into loops. */
HTH_MUST_CHECK HthStatus hth_nfa_unleft(HthNfa *nfa, HthErr *err);

/* grammar_compile.c -------------------------------------------------------------------------- */
typedef enum HthStateKind {
    HTH_STATE_PLAIN,
    HTH_STATE_KEY, /* in the key of a member: the frame is on top of the stack */
    HTH_STATE_SEP /* after a member: the same */
} HthStateKind;
typedef struct HthEdge {
    uint8_t lo, hi;
    uint32_t to;
} HthEdge;
typedef struct HthCall {
    uint32_t proc;
    uint32_t ret; /* HTH_NONE: nothing is left to do after it */
} HthCall;
typedef struct HthState {
    uint8_t kind, accept;
    uint32_t owner; /* procedure; members for KEY and SEP */
    uint32_t edge, edge_n;
    uint32_t call, call_n;
    uint32_t label, label_n; /* KEY: members whose key ends here */
    uint32_t reach, reach_n; /* KEY: members whose key can still come of it */
    uint32_t reach_id; /* the same for states with the same ones */
    uint32_t least; /* bytes to the end of the procedure */
} HthState;
typedef struct HthByteSet {
    uint32_t word[8];
} HthByteSet;
typedef struct HthProc {
    uint32_t start, members; /* members: HTH_NONE, or start is of no meaning */
    uint32_t least;
    HthByteSet first, follow; /* bytes it begins with; bytes that may come after it */
    uint32_t state_n; /* in a row from start */
    uint64_t hash[2];
    bool leaf; /* calls nothing and takes many bytes: masks are kept by its hash */
    bool nullable; /* its automaton leaves the empty text out: the caller sees to it */
} HthProc;
typedef struct HthMembersCode {
    uint32_t key, separator; /* start states; key HTH_NONE: no member is possible */
    uint32_t named_n, min, max, required_n;
    uint32_t words; /* of a bit set of named members */
    const uint32_t *value; /* [named_n + 1] procedures */
    const uint32_t *required; /* [words] */
    uint32_t *cost; /* [named_n + 1] least bytes of key and value, HTH_FAR: impossible */
} HthMembersCode;

struct HthGrammar {
    HthState *state;
    HthEdge *edge;
    HthCall *call;
    HthProc *proc; /* 0: the root */
    HthMembersCode *members;
    uint32_t *label, *reach; /* pools */
    uint32_t state_n, edge_n, call_n, proc_n, members_n, label_n, reach_n;
    uint32_t state_cap, edge_cap, call_cap, label_cap;
    uint32_t class_n;
    uint8_t class_of[256];
    const uint32_t *alike; /* [layers][state_n] grammar_alike.c; NULL: none */
    uint64_t hash[2]; /* of all of the above: equal grammars share their masks */
    HthArena *arena;
};

/* grammar_det.c: the network made deterministic, a procedure at a time. */
HTH_MUST_CHECK HthStatus hth_grammar_determine(HthGrammar *g, HthNfa *nfa, HthErr *err);
/* grammar_least.c: how few bytes lead to an end; what leads to none is taken out. */
HTH_MUST_CHECK HthStatus hth_grammar_prune(HthGrammar *g, HthErr *err);

/* grammar_alike.c: for each layer of tokens but the last, the first state that none of them can
 * tell from a state (maybe itself).  Layers: tokens of plain characters of so many bytes at most,
 * in two steps; of any characters; the others.  What JSON escapes, and half a character, is not
 * plain. */
#define HTH_LAYER_BYTES                                                                            \
    { 8, 16, 16 }
enum { HTH_LAYER_ODD = 2, HTH_LAYERS = 4 };
HTH_MUST_CHECK HthStatus hth_grammar_alike(HthGrammar *g, HthErr *err);

/* grammar_set.c ------------------------------------------------------------------------------ */
enum {
    HTH_STACK_BASE = 0, /* below it lies what is not known */
    HTH_STACK_ROOT = 1
};
typedef struct HthStack {
    uint32_t parent;
    uint32_t ret; /* state to go on from, HTH_NONE: a frame */
    uint32_t frame;
    uint32_t depth;
} HthStack;
typedef struct HthFrame {
    uint32_t members, count;
    uint32_t bits[]; /* [words] named members that are there already */
} HthFrame;
typedef struct HthConf {
    uint32_t state, stack;
} HthConf;

/* What is known to leave the stack below: (kind, where). */
typedef enum HthLeaveKind {
    HTH_LEAVE_SELF, /* the whole token must be tried on the real stack */
    HTH_LEAVE_POP,
    HTH_LEAVE_LABEL /* state: a key is whole */
} HthLeaveKind;
typedef struct HthLeave {
    uint32_t kind, state;
} HthLeave;

typedef struct HthSpace {
    const HthGrammar *g;
    HthStack *stack;
    uint32_t stack_n, stack_cap;
    HthMap64 *stack_map;
    HthFrame **frame;
    uint32_t frame_n, frame_cap;
    HthMap *frame_map;
    HthArena *arena;
    HthConf *work; /* the configurations of one closure */
    uint32_t work_n, work_cap;
    uint32_t *seen; /* [seen_n] index + 1 into work, a power of two */
    uint32_t seen_n, seen_used;
    HthLeave leave[64];
    uint32_t leave_n;
    bool may_end;
} HthSpace;

enum { HTH_CONFS_MAX = 1024 }; /* in one place: beyond it a grammar is too ambiguous */

/* A list of sets of configurations, one after the other. */
typedef struct HthSets {
    HthConf *p;
    uint32_t n, cap;
} HthSets;

HTH_MUST_CHECK HthStatus hth_space_open(HthSpace *s, const HthGrammar *g, HthErr *err);
void hth_space_close(HthSpace *s);
/* Each begins with an empty place and appends what it reaches to out; may_end and leave say the
 * rest. */
HTH_MUST_CHECK HthStatus hth_space_first(HthSpace *s, HthSets *out, HthErr *err);
HTH_MUST_CHECK HthStatus hth_space_step(HthSpace *s, const HthSets *from, uint32_t at, uint32_t n,
                                        uint8_t byte, HthSets *out, HthErr *err);
HTH_MUST_CHECK HthStatus hth_space_leave(HthSpace *s, HthLeave leave, HthConf c, HthSets *out,
                                         HthErr *err);
HTH_MUST_CHECK HthStatus hth_sets_add(HthSets *sets, HthConf c, HthErr *err);
/* Forgets all stacks but those under the sets given, whose configurations are rewritten. */
HTH_MUST_CHECK HthStatus hth_space_keep(HthSpace *s, HthSets *const *sets, uint32_t n, HthErr *err);
HTH_MUST_CHECK HthStatus hth_space_push(HthSpace *s, uint32_t parent, uint32_t ret, uint32_t frame,
                                        uint32_t *out, HthErr *err);
/* The frame with one member more, HTH_NONE in *out: this member may not come now. */
HTH_MUST_CHECK HthStatus hth_frame_take(HthSpace *s, uint32_t frame, uint32_t label, uint32_t *out,
                                        HthErr *err);
bool hth_frame_may_take(const HthSpace *s, uint32_t frame, uint32_t label);
bool hth_frame_may_end(const HthSpace *s, uint32_t frame);
uint32_t hth_frame_left(const HthSpace *s, uint32_t frame); /* required ones not there yet */
const HthEdge *hth_edge_find(const HthGrammar *g, const HthState *st, uint8_t byte);

/* grammar_follow.c */
HTH_MUST_CHECK HthStatus hth_grammar_follow(HthGrammar *g, HthErr *err);
/* The bytes with which a token can go on that left the procedure of state `start` so. */
HthByteSet hth_follow_of(const HthGrammar *g, HthLeave leave, uint32_t start);

/* grammar_words.c: strings in order, as a trie laid out in a row ----------------------------- */
typedef struct HthRowNode {
    uint32_t skip; /* the node after all below this one */
    uint32_t word; /* words that end here: [word, word of the next node) */
    uint32_t groups; /* of bytes, in this branch; HTH_GROUP_CUT: not whole characters of UTF-8 */
    uint16_t depth; /* 1: a first byte */
    uint8_t byte;
    uint8_t chars; /* of the longest word of this branch, from here on; HTH_CHARS_MANY: or more */
} HthRowNode;
#define HTH_GROUP_CUT    (1u << 31)
#define HTH_GROUPS_ASCII ((1u << 24) - 1)
#define HTH_GROUPS_OTHER (1u << 24) /* other characters */
enum { HTH_CHARS_MANY = 255 };
void hth_byte_groups(uint32_t of[256]); /* bytes that grammars seldom tell apart */
typedef struct HthRowTrie {
    HthRowNode *node; /* [node_n + 1]: the last one says where the words end */
    uint32_t *id; /* [id_n] in the order of the words; ids of the empty word come first */
    uint32_t *all; /* [words of a mask] the same ids as bits; only of a vocabulary */
    uint32_t node_n, id_n;
} HthRowTrie;
typedef struct HthWord {
    const uint8_t *p;
    uint32_t n, id;
} HthWord;
enum { HTH_WORD_MAX = 1024 }; /* bytes; longer tokens are never allowed */
int hth_word_cmp(const void *a, const void *b); /* for qsort: bytes, then id */
/* words in order; runs: groups and chars are wanted. */
HTH_MUST_CHECK HthStatus hth_row_trie_open(HthRowTrie *t, const HthWord *words, uint32_t n,
                                           bool runs, HthErr *err);
void hth_row_trie_close(HthRowTrie *t);

/* grammar_rel.c: the automaton of sets on an unknown stack ----------------------------------- */
enum { /* numbers of sets */
       HTH_SET_UNKNOWN,
       HTH_SET_DEAD,
       HTH_SET_UNCLEAR, /* too much at once: the real stack will tell */
       HTH_SET_FIRST
};
enum { /* what a token that ends in a set is */
       HTH_SURE = 1,
       HTH_IF_EXTRA = 2, /* if an extra member may come */
       HTH_IF_NAMED = 4 /* if one of some members may come */
};
typedef struct HthRelSet {
    uint32_t conf, conf_n, leave, leave_n;
    uint32_t *row; /* [class_n] numbers of sets */
    uint32_t run_to, run_groups; /* the set that every character of these groups leads to */
    uint32_t run_far; /* characters in a row of which this goes on to be true; 0: not known yet */
    uint32_t reach_id; /* of the key it is in, if on the unknown stack; else HTH_NONE */
    uint8_t what;
    bool wide, run_known;
} HthRelSet;
typedef struct HthRel {
    HthSpace space;
    uint64_t hash[2]; /* of the grammar */
    HthArena *arena; /* rows and keys */
    HthMap *map; /* content -> set */
    HthRelSet *set;
    uint8_t *wide; /* [state_n] */
    uint32_t n, cap;
    HthSets conf; /* of all sets, one after the other */
    HthLeave *leave;
    uint32_t leave_n, leave_cap;
    HthBuf key;
} HthRel;
/* m->rel for this grammar, begun anew if it was another's or has grown large. */
HTH_MUST_CHECK HthStatus hth_rel_for(HthMasks *m, const HthGrammar *g, HthErr *err);
void hth_rel_close(HthRel **rel);
/* The set of one state on the unknown stack. */
HTH_MUST_CHECK HthStatus hth_rel_first(HthRel *r, uint32_t state, uint32_t *out, HthErr *err);
HTH_MUST_CHECK HthStatus hth_rel_step(HthRel *r, uint32_t set, uint8_t byte, uint32_t *out,
                                      HthErr *err);
/* A set that is (SURE, IF_EXTRA) what every set is that up to `chars` characters of these groups
 * lead to; HTH_SET_UNKNOWN: that cannot be said so easily. */
HTH_MUST_CHECK HthStatus hth_rel_run(HthRel *r, uint32_t set, uint32_t groups, uint32_t chars,
                                     uint32_t *out, HthErr *err);

/* grammar_place.c: what is known of a state whatever lies below it --------------------------- */
typedef struct HthIdSet { /* of tokens: a bit set or a list */
    uint32_t *p;
    uint32_t n; /* of the list */
    bool dense;
} HthIdSet;
typedef struct HthTails { /* what must be tried on the real stack */
    HthLeave leave;
    HthRowTrie trie;
} HthTails;
typedef struct HthPlace {
    HthIdSet sure; /* allowed whatever lies below */
    HthTails *tails;
    uint32_t tails_n;
    size_t bytes;
} HthPlace;
typedef struct HthPlaces HthPlaces; /* of one grammar */
struct HthPlaces { /* of one grammar, or of a procedure of any */
    uint64_t hash[2], used;
    HthPlace **place; /* [state_n][layers][2]: an extra member may come, or not */
    HthPlaces **leaf; /* [proc_n], NULL where it is no leaf; of a grammar in use */
    uint32_t state_n, proc_n, users;
    size_t bytes;
    HthPlaces *next;
};

struct HthMasks {
    const HthVocab *v;
    uint32_t ids_count, words; /* words of a mask */
    uint8_t *bytes; /* all spellings */
    uint32_t *at; /* [ids_count + 1] where a token's begins; an empty one: never allowed */
    HthRowTrie trie[HTH_LAYERS];
    uint32_t *ends, ends_n; /* tokens that end a generation */
    HthPlaces *places;
    uint64_t clock;
    size_t bytes_held;
    uint32_t places_n;
    HthRel *rel;
    uint32_t *bits, *few; /* [words] scratch; bits: zero between uses */
    uint32_t depth[2 * (HTH_WORD_MAX + 2)]; /* scratch */
};
HTH_MUST_CHECK HthStatus hth_places_open(HthMasks *m, const HthGrammar *g, HthPlaces **out,
                                         HthErr *err);
void hth_places_drop(HthMasks *m, HthPlaces *p); /* one matcher less */
void hth_places_close(HthMasks *m);
/* extra: an extra member may come, where that matters. */
HTH_MUST_CHECK HthStatus hth_place_get(HthMasks *m, const HthGrammar *g, HthPlaces *places,
                                       uint32_t state, uint32_t layer, bool extra,
                                       const HthPlace **out, HthErr *err);

/* grammar_match.c */
enum { HTH_KEPT_MASKS = 8 };
struct HthMatcher {
    const HthGrammar *g;
    HthMasks *masks; /* NULL: bytes only */
    HthPlaces *places;
    HthSpace space;
    HthSets now, first; /* the place; where it all begins */
    bool may_end, first_end;
    HthSets next, trial; /* scratch */
    uint32_t *mask; /* [HTH_KEPT_MASKS][words] */
    HthSets kept[HTH_KEPT_MASKS]; /* the place each is of; none: empty */
    bool kept_end[HTH_KEPT_MASKS];
    uint32_t kept_next;
};

#endif
