/** A parsed form or query string, nested by its brackets. Lists are objects with numeric keys. */
export type FormValue = string | FormTree;

export interface FormTree {
  [key: string]: FormValue;
}

/**
 * Parses a form such as `a[b][0]=c` as Stripe does. Entries of `a[]=x&a[]=y` are numbered. Later values win.
 */
export function parseForm(text: string): FormTree {
  const root = emptyTree();
  for (const [name, value] of new URLSearchParams(text)) {
    place(root, segmentsOf(name), value);
  }
  return root;
}

function segmentsOf(name: string): string[] {
  const bracket = name.indexOf('[');
  if (bracket <= 0) {
    return [name];
  }
  const inner = [...name.slice(bracket).matchAll(/\[([^\]]*)\]/g)].map((match) => match[1] ?? '');
  return [name.slice(0, bracket), ...inner];
}

function place(tree: FormTree, segments: readonly string[], value: string): void {
  const [first = '', ...rest] = segments;
  const key = first === '' ? String(Object.keys(tree).length) : first;
  if (rest.length === 0) {
    tree[key] = value;
    return;
  }
  const existing = tree[key];
  const branch = typeof existing === 'object' ? existing : emptyTree();
  tree[key] = branch;
  place(branch, rest, value);
}

/** Returns an object without a prototype, so that a key such as `constructor` is an ordinary key. */
function emptyTree(): FormTree {
  return Object.create(null) as FormTree;
}
