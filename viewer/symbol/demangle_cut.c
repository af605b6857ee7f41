/* SPDX-License-Identifier: MIT */
#include <libiberty/demangle.h>
#include <stdlib.h>

#include "symbol/demangle_text.h"

#define NODES_MAX 4096
#define NESTED_MAX 256 /* nodes of any kind; libiberty prints up to 1,024 */

struct copy {
	struct demangle_component nodes[NODES_MAX]; /* first, so that it can be freed */
	size_t used;
	size_t visits; /* some create no node */
	struct ct_demangle_cut cut;
	const struct demangle_component *arguments; /* those that a template's parameters refer to; NULL = not known */
};

static struct demangle_component *copy_node(struct copy *copy, const struct demangle_component *from, unsigned depth,
					    unsigned nested);

static struct demangle_component *new_node(struct copy *copy, const struct demangle_component *from)
{
	if (copy->used == NODES_MAX)
		return NULL;
	struct demangle_component *node = &copy->nodes[copy->used++];
	*node = *from;
	return node;
}

static struct demangle_component *dots(struct copy *copy)
{
	struct demangle_component name = {0};
	cplus_demangle_fill_name(&name, "...", 3);
	return new_node(copy, &name);
}

/* A list of arguments, which is the right child of what it belongs to. */
static struct demangle_component *copy_list(struct copy *copy, const struct demangle_component *list, unsigned depth,
					    unsigned nested)
{
	struct demangle_component *first = NULL, *last = NULL;
	unsigned width = depth > copy->cut.depth ? 0 : copy->cut.width;
	for (unsigned i = 0; list && i <= width; i++) {
		struct demangle_component *node = new_node(copy, list);
		if (!node)
			break;
		if (list->u.s_binary.left)
			node->u.s_binary.left =
				i < width ? copy_node(copy, list->u.s_binary.left, depth, nested) : dots(copy);
		node->u.s_binary.right = NULL;
		if (last)
			last->u.s_binary.right = node;
		else
			first = node;
		last = node;
		list = list->u.s_binary.right;
	}
	return first;
}

static bool is_list(const struct demangle_component *node)
{
	return node && (node->type == DEMANGLE_COMPONENT_TEMPLATE_ARGLIST || node->type == DEMANGLE_COMPONENT_ARGLIST);
}

/* The arguments of the template that a function's name ends with, as libiberty finds them. */
static const struct demangle_component *arguments_of(const struct demangle_component *name)
{
	for (unsigned i = 0; name && i < NESTED_MAX; i++) {
		switch (name->type) {
		case DEMANGLE_COMPONENT_TEMPLATE:
			return name->u.s_binary.right;
		case DEMANGLE_COMPONENT_LOCAL_NAME:
			name = name->u.s_binary.right;
			break;
		case DEMANGLE_COMPONENT_RESTRICT_THIS:
		case DEMANGLE_COMPONENT_VOLATILE_THIS:
		case DEMANGLE_COMPONENT_CONST_THIS:
		case DEMANGLE_COMPONENT_REFERENCE_THIS:
		case DEMANGLE_COMPONENT_RVALUE_REFERENCE_THIS:
			name = name->u.s_binary.left;
			break;
		default:
			return NULL;
		}
	}
	return NULL;
}

/* The argument itself, since the list that libiberty would look it up in may be cut. */
static struct demangle_component *copy_parameter(struct copy *copy, const struct demangle_component *from,
						 unsigned depth, unsigned nested)
{
	const struct demangle_component *list = copy->arguments;
	for (long i = from->u.s_number.number; list && i > 0; i--)
		list = list->u.s_binary.right;
	if (!list || !list->u.s_binary.left || is_list(list->u.s_binary.left))
		return dots(copy);
	return copy_node(copy, list->u.s_binary.left, depth, nested);
}

/* Nodes of other kinds are leaves, or small, or newer than this list: the copy refers to the original. */
static bool has_children(enum demangle_component_type type)
{
	switch (type) {
	case DEMANGLE_COMPONENT_QUAL_NAME:
	case DEMANGLE_COMPONENT_LOCAL_NAME:
	case DEMANGLE_COMPONENT_TYPED_NAME:
	case DEMANGLE_COMPONENT_TEMPLATE:
	case DEMANGLE_COMPONENT_VTABLE:
	case DEMANGLE_COMPONENT_VTT:
	case DEMANGLE_COMPONENT_CONSTRUCTION_VTABLE:
	case DEMANGLE_COMPONENT_TYPEINFO:
	case DEMANGLE_COMPONENT_TYPEINFO_NAME:
	case DEMANGLE_COMPONENT_TYPEINFO_FN:
	case DEMANGLE_COMPONENT_THUNK:
	case DEMANGLE_COMPONENT_VIRTUAL_THUNK:
	case DEMANGLE_COMPONENT_COVARIANT_THUNK:
	case DEMANGLE_COMPONENT_GUARD:
	case DEMANGLE_COMPONENT_TLS_INIT:
	case DEMANGLE_COMPONENT_TLS_WRAPPER:
	case DEMANGLE_COMPONENT_REFTEMP:
	case DEMANGLE_COMPONENT_HIDDEN_ALIAS:
	case DEMANGLE_COMPONENT_RESTRICT:
	case DEMANGLE_COMPONENT_VOLATILE:
	case DEMANGLE_COMPONENT_CONST:
	case DEMANGLE_COMPONENT_RESTRICT_THIS:
	case DEMANGLE_COMPONENT_VOLATILE_THIS:
	case DEMANGLE_COMPONENT_CONST_THIS:
	case DEMANGLE_COMPONENT_REFERENCE_THIS:
	case DEMANGLE_COMPONENT_RVALUE_REFERENCE_THIS:
	case DEMANGLE_COMPONENT_VENDOR_TYPE_QUAL:
	case DEMANGLE_COMPONENT_POINTER:
	case DEMANGLE_COMPONENT_REFERENCE:
	case DEMANGLE_COMPONENT_RVALUE_REFERENCE:
	case DEMANGLE_COMPONENT_COMPLEX:
	case DEMANGLE_COMPONENT_IMAGINARY:
	case DEMANGLE_COMPONENT_FUNCTION_TYPE:
	case DEMANGLE_COMPONENT_ARRAY_TYPE:
	case DEMANGLE_COMPONENT_PTRMEM_TYPE:
	case DEMANGLE_COMPONENT_VECTOR_TYPE:
	case DEMANGLE_COMPONENT_INITIALIZER_LIST:
	case DEMANGLE_COMPONENT_CAST:
	case DEMANGLE_COMPONENT_CONVERSION:
	case DEMANGLE_COMPONENT_NULLARY:
	case DEMANGLE_COMPONENT_UNARY:
	case DEMANGLE_COMPONENT_BINARY:
	case DEMANGLE_COMPONENT_BINARY_ARGS:
	case DEMANGLE_COMPONENT_TRINARY:
	case DEMANGLE_COMPONENT_TRINARY_ARG1:
	case DEMANGLE_COMPONENT_TRINARY_ARG2:
	case DEMANGLE_COMPONENT_LITERAL:
	case DEMANGLE_COMPONENT_LITERAL_NEG:
	case DEMANGLE_COMPONENT_COMPOUND_NAME:
	case DEMANGLE_COMPONENT_DECLTYPE:
	case DEMANGLE_COMPONENT_GLOBAL_CONSTRUCTORS:
	case DEMANGLE_COMPONENT_GLOBAL_DESTRUCTORS:
	case DEMANGLE_COMPONENT_TAGGED_NAME:
	case DEMANGLE_COMPONENT_CLONE:
	case DEMANGLE_COMPONENT_NOEXCEPT:
	case DEMANGLE_COMPONENT_THROW_SPEC:
		return true;
	default:
		return false;
	}
}

static struct demangle_component *copy_children(struct copy *copy, const struct demangle_component *from,
						unsigned depth, unsigned nested)
{
	struct demangle_component *node = new_node(copy, from);
	const struct demangle_component *left = from->u.s_binary.left, *right = from->u.s_binary.right;
	const struct demangle_component *outer_arguments = copy->arguments;
	if (!node)
		return NULL;
	if (from->type == DEMANGLE_COMPONENT_TYPED_NAME)
		copy->arguments = arguments_of(left);
	node->u.s_binary.left = left ? copy_node(copy, left, depth, nested) : NULL;
	if (is_list(right))
		node->u.s_binary.right = copy_list(copy, right, depth + 1, nested);
	else
		node->u.s_binary.right = right ? copy_node(copy, right, depth, nested) : NULL;
	copy->arguments = outer_arguments;
	return node;
}

static struct demangle_component *copy_node(struct copy *copy, const struct demangle_component *from, unsigned depth,
					    unsigned nested)
{
	if (++copy->visits > NODES_MAX || ++nested > NESTED_MAX)
		return dots(copy);
	if (is_list(from)) /* a pack of arguments, written into the list around it */
		return copy_list(copy, from, depth, nested);
	switch (from->type) {
	case DEMANGLE_COMPONENT_TEMPLATE_PARAM:
		return copy_parameter(copy, from, depth, nested);
	case DEMANGLE_COMPONENT_PACK_EXPANSION:
		return dots(copy);
	case DEMANGLE_COMPONENT_LAMBDA: {
		struct demangle_component *node = new_node(copy, from);
		if (node && from->u.s_unary_num.sub)
			node->u.s_unary_num.sub = copy_node(copy, from->u.s_unary_num.sub, depth, nested);
		return node;
	}
	default:
		return has_children(from->type) ? copy_children(copy, from, depth, nested) : new_node(copy, from);
	}
}

struct demangle_component *ct_demangle_cut_tree(const struct demangle_component *tree, struct ct_demangle_cut cut)
{
	struct copy *copy = calloc(1, sizeof(*copy));
	if (!copy)
		return NULL;
	copy->cut = cut;
	return copy_node(copy, tree, 0, 0);
}
