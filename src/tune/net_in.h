/* net_in.h - the unrolled program. Private to net*.c. */
#ifndef HTH_TUNE_NET_IN_H
#define HTH_TUNE_NET_IN_H

#include "tune/net.h"

enum { NET_PARAMS_MAX = 2048, NET_NODES_MAX = 4096, NET_OWNED_MAX = 3 * NET_NODES_MAX };
#define NET_NONE UINT32_MAX

typedef struct Value { /* what one node writes */
    uint32_t width;
    float *x; /* [rows][width] */
    float *g; /* its gradient; shared with values that are not alive at the same time */
} Value;

typedef struct Node {
    HthOpCode op;
    uint32_t out, in[3]; /* values */
    bool add[3]; /* on the way back: add to the input's gradient, or be the first to write it */
    uint32_t param;
    float *keep; /* rmsnorm: [rows]; attention: [heads][rows] */
} Node;

typedef struct Spare { /* a gradient buffer nobody uses at this point of the walk */
    uint32_t width;
    float *p;
} Spare;

struct HthNet {
    const HthArch *arch;
    HthShape shape;
    uint32_t rows, seq;
    HthGrad *grad;
    HthParam params[NET_PARAMS_MAX];
    uint32_t param_count;
    size_t floats;
    float *w, *g, *cs;
    Node nodes[NET_NODES_MAX];
    uint32_t node_count;
    bool has_loss;
    Value values[NET_NODES_MAX];
    uint32_t value_count;
    float *owned[NET_OWNED_MAX];
    uint32_t owned_count;
};

#endif
