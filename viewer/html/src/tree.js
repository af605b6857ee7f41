// SPDX-License-Identifier: MIT
// The call tree by function, from the root down or from the leaf out. It is built only as far as it is viewed: a node
// knows the sites below it, and its children are these sites, grouped by their next function.

export class Tree {
  constructor(profile, reversed, sites) {
    this.profile = profile;
    this.reversed = reversed;
    this.stamp = 0;
    this.ofFunction = new Int32Array(profile.functions.short.length).fill(-1);
    this.root = { function: -1, depth: 0, sites, parent: null, children: null, value: 0, sum: 0, before: 0, stamp: -1, sorted: -1 };
  }

  // values has a number for each site; changes may be negative. old: for changes, what each site had before.
  setValues(values, old) {
    this.values = values;
    this.old = old;
    this.stamp++;
  }

  add(node) {
    if (node.stamp === this.stamp) return;
    node.value = node.sum = node.before = 0;
    for (const site of node.sites) {
      if (this.old) node.before += this.old[site];
      node.value += Math.abs(this.values[site]);
      node.sum += this.values[site];
    }
    node.stamp = this.stamp;
  }

  // The node's width: growth and shrinkage do not cancel each other out.
  value(node) {
    this.add(node);
    return node.value;
  }

  sum(node) {
    this.add(node);
    return node.sum;
  }

  before(node) {
    this.add(node);
    return node.before;
  }

  // The children, largest first.
  children(node) {
    node.children ??= this.split(node);
    if (node.sorted !== this.stamp) {
      node.children.sort((a, b) => this.value(b) - this.value(a) || a.function - b.function);
      node.sorted = this.stamp;
    }
    return node.children;
  }

  split(node) {
    const { stackStart, stackFunctions } = this.profile;
    const { ofFunction } = this;
    const next = (site) =>
      stackFunctions[this.reversed ? stackStart[site + 1] - 1 - node.depth : stackStart[site] + node.depth];
    const counts = [];
    const children = [];
    for (const site of node.sites) {
      if (stackStart[site + 1] - stackStart[site] <= node.depth) continue;
      const id = next(site);
      if (ofFunction[id] < 0) {
        ofFunction[id] = children.length;
        children.push({ function: id, depth: node.depth + 1, parent: node, children: null, value: 0, sum: 0, before: 0, stamp: -1, sorted: -1 });
        counts.push(0);
      }
      counts[ofFunction[id]]++;
    }
    children.forEach((child, i) => (child.sites = new Int32Array(counts[i])));
    for (const site of node.sites)
      if (stackStart[site + 1] - stackStart[site] > node.depth) {
        const i = ofFunction[next(site)];
        children[i].sites[children[i].sites.length - counts[i]--] = site;
      }
    for (const child of children) ofFunction[child.function] = -1;
    return children;
  }

  // The nodes from the root's child to this node.
  path(node) {
    const path = [];
    for (let at = node; at.parent; at = at.parent) path.unshift(at);
    return path;
  }

  // The node reached by following these functions as far as possible.
  find(functions) {
    let node = this.root;
    for (const id of functions) {
      const child = this.children(node).find((other) => other.function === id);
      if (!child) break;
      node = child;
    }
    return node;
  }
}
