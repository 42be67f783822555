/*
 * A minimal browser for the sandbox's pages. It opens a page and presses a button in one of its forms, which
 * submits the form's fields as the page filled them in.
 */

export interface Page {
  url: string;
  html: string;
}

/** The response to a pressed button. */
export interface Pressed {
  status: number;
  /** The absolute URL that the response redirects to, or null if it is a page. */
  location: string | null;
}

interface Form {
  action: string;
  fields: [name: string, value: string][];
  buttons: { label: string; field: [name: string, value: string] | null }[];
}

/** Opens a page. @throws Error if the response is not OK. */
export async function openPage(url: string): Promise<Page> {
  const response = await fetch(url);
  const html = await response.text();
  if (!response.ok) throw new Error(`${url} cannot be opened: ${response.status} ${html}`);
  return { url: response.url, html };
}

/**
 * Presses the first button whose label contains `label`. Returns a redirect without following it.
 *
 * @throws Error that lists the page's buttons if none matches.
 */
export async function press(page: Page, label: string): Promise<Pressed> {
  const forms = formsOf(page);
  for (const form of forms) {
    const button = form.buttons.find((candidate) => candidate.label.includes(label));
    if (button === undefined) continue;
    const fields = [...form.fields, ...(button.field === null ? [] : [button.field])];
    const response = await fetch(form.action, {
      method: 'POST',
      body: new URLSearchParams(fields),
      redirect: 'manual',
    });
    const location = response.headers.get('location');
    if (response.status >= 400) {
      throw new Error(`Pressing “${label}” on ${page.url} returned ${response.status}.`);
    }
    return {
      status: response.status,
      location: location === null ? null : new URL(location, form.action).href,
    };
  }
  const labels = forms.flatMap((form) => form.buttons.map((button) => `“${button.label}”`));
  throw new Error(
    `${page.url} has no button “${label}”. Its buttons: ${labels.join(', ') || 'none'}.`,
  );
}

function formsOf({ url, html }: Page): Form[] {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(
    ([, head = '', inner = '']) => ({
      action: new URL(attributesOf(head)['action'] ?? url, url).href,
      fields: [...inner.matchAll(/<input\b([^>]*)>/gi)].flatMap(([, text = '']) => {
        const { name, value = '', type = 'text', ...rest } = attributesOf(text);
        const chosen = !['radio', 'checkbox'].includes(type) || rest['checked'] !== undefined;
        return name === undefined || !chosen ? [] : [[name, value] satisfies [string, string]];
      }),
      buttons: [...inner.matchAll(/<button\b([^>]*)>([\s\S]*?)<\/button>/gi)].map(
        ([, text = '', content = '']) => {
          const { name, value = '' } = attributesOf(text);
          return {
            label: decode(content.replace(/<[^>]*>/g, ' '))
              .replace(/\s+/g, ' ')
              .trim(),
            field: name === undefined ? null : [name, value],
          };
        },
      ),
    }),
  );
}

function attributesOf(text: string): Partial<Record<string, string>> {
  return Object.fromEntries(
    [...text.matchAll(/([\w-]+)(?:\s*=\s*"([^"]*)")?/g)].map(([, name = '', value = '']) => [
      name,
      decode(value),
    ]),
  );
}

const entities: Partial<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  '#39': "'",
  '#x27': "'",
};

function decode(text: string): string {
  return text.replace(/&(#?\w+);/g, (whole, name: string) => entities[name] ?? whole);
}
