/** Markup that is safe to insert into a page. */
export interface Html {
  readonly markup: string;
}

type Part = string | number | Html | readonly Html[];

/** Builds markup. Inserted values are escaped, unless they are markup. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const markup = strings.reduce(
    (text, piece, index) => text + partMarkup(parts[index - 1] ?? '') + piece,
  );
  return { markup };
}

/** Renders a complete page, narrow for a form or wide for a table. */
export function document(title: string, body: Html, width: 'narrow' | 'wide' = 'narrow'): string {
  return `<!doctype html>\n${
    html`<html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${{ markup: css }}
        </style>
      </head>
      <body>
        <main class="${width}">${body}</main>
        <footer>A sandbox on this machine. No money moves.</footer>
      </body>
    </html>`.markup
  }`;
}

/** Formats an amount given in the currency's minor unit, for example as `$12.00`. */
export function money(amount: number, currency: string): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

/** Formats epoch seconds as `YYYY-MM-DD HH:MM UTC`. */
export function moment(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function partMarkup(part: Part): string {
  if (typeof part === 'string') {
    return part.replace(/[&<>"']/g, (character) => entities[character] ?? character);
  }
  if (typeof part === 'number') {
    return String(part);
  }
  return 'markup' in part ? part.markup : part.map(({ markup }) => markup).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const css = `
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: #1d2433; background: #f4f5f8; }
main { max-width: 34rem; margin: 3rem auto 1rem; padding: 2rem; background: #fff; border-radius: 12px;
  box-shadow: 0 2px 12px #1d243318; }
main.wide { max-width: 60rem; }
footer { text-align: center; color: #6b7385; font-size: .85rem; padding-bottom: 2rem; }
h1 { margin-top: 0; font-size: 1.4rem; } h2 { font-size: 1.1rem; }
table { width: 100%; border-collapse: collapse; } td, th { padding: .4rem .8rem .4rem 0; text-align: left;
  vertical-align: top; }
td:last-child, th:last-child { text-align: right; padding-right: 0; } table.words td, table.words th { text-align: left; }
tfoot td { border-top: 1px solid #dfe2ea; font-weight: 600; }
input, select { font: inherit; padding: .5rem; border: 1px solid #c7ccd8; border-radius: 6px; width: 100%;
  box-sizing: border-box; margin: .2rem 0 .8rem; }
button { font: inherit; padding: .55rem 1rem; margin: .2rem .3rem .2rem 0; border: 1px solid #c7ccd8;
  border-radius: 6px; background: #fff; cursor: pointer; }
button.main { background: #5b4ff0; border-color: #5b4ff0; color: #fff; width: 100%; }
.mark { padding: .1rem .5rem; border-radius: 999px; font-size: .8rem; font-weight: 500; }
.mark.good { background: #e3f6e9; color: #14713a; } .mark.bad { background: #fff1f0; color: #a8071a; }
.mark.over { background: #eceef3; color: #6b7385; }
section { border-top: 1px solid #dfe2ea; padding-top: .6rem; margin-top: 1rem; }
.notice { padding: .6rem 1rem; border-radius: 6px; background: #fff1f0; color: #a8071a; }
.notice.good { background: #f0faf3; color: #14713a; }
.quiet { color: #6b7385; } code { background: #f4f5f8; padding: .1rem .3rem; border-radius: 4px; }
@media (max-width: 30rem) {
  main { margin: 0 0 1rem; padding: 1rem; border-radius: 0; box-shadow: none; }
  td, th { padding-right: .5rem; } td button { padding: .4rem .6rem; }
}
@media (prefers-color-scheme: dark) {
  :root { color-scheme: dark; } a { color: #a9a2ff; }
  body { color: #e4e7ee; background: #10131a; } main { background: #1a1e28; box-shadow: none; }
  section, tfoot td { border-color: #343b4c; }
  input, select, button { color: inherit; background: #242a37; border-color: #454d61; }
  footer, .quiet { color: #a0a8b9; } code { background: #242a37; }
  .notice, .mark.bad { background: #3d1f20; color: #ffb3ad; }
  .notice.good, .mark.good { background: #16321f; color: #8fe0a9; }
  .mark.over { background: #2b3140; color: #a0a8b9; }
}
`;
