/* Splits SQL into statements, as far as possible without a parser. Pure. */

export interface Statement {
  /**
   * On one line, in capitals except for quoted names, without comments. Strings and dollar-quoted bodies are
   * `''`, and unusual characters in a quoted name are underscores.
   */
  code: string;
  /** The original text, on one line. */
  written: string;
  /** The comments right before it, each on its own lines. */
  comments: string[];
}

/** Comments, dollar-quoted bodies, strings and quoted names, in which no statement ends. */
const tokens =
  /--[^\n]*|\/\*|\$(\w*)\$[\s\S]*?\$\1\$|\be'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|;/gi;

export function statementsOf(sql: string): Statement[] {
  const statements: Statement[] = [];
  let [code, written, comments] = ['', '', new Array<string>()];
  const add = (asCode: string, asWritten: string): void => {
    code += asCode;
    written += asWritten;
  };
  const end = (): void => {
    const statement = { code: onOneLine(code), written: onOneLine(written), comments };
    if (statement.code !== '') statements.push(statement);
    [code, written, comments] = ['', '', []];
  };
  let at = 0;
  tokens.lastIndex = 0;
  for (let found = tokens.exec(sql); found !== null; found = tokens.exec(sql)) {
    const between = sql.slice(at, found.index);
    add(between.toUpperCase(), between);
    const [token] = found;
    if (token === '/*') tokens.lastIndex = endOfComment(sql, tokens.lastIndex);
    at = tokens.lastIndex;
    if (token === ';') end();
    else if (token.startsWith('--')) {
      // A comment behind a statement belongs to it, and one inside a statement to a part of it.
      if (code.trim() === '' && standsAlone(sql, found.index)) comments.push(token);
      add(' ', ' ');
    } else if (token === '/*') add(' ', ' ');
    else if (token.startsWith('"')) add(`"${token.slice(1, -1).replace(/\W/g, '_')}"`, token);
    else add("''", token.startsWith('$') ? '$$…$$' : token);
  }
  add(sql.slice(at).toUpperCase(), sql.slice(at));
  end();
  return statements;
}

/** Splits at the commas outside of parentheses. */
export function splitAtCommas(code: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const character of code) {
    if ('([{'.includes(character)) depth += 1;
    if (')]}'.includes(character)) depth -= 1;
    if (character === ',' && depth === 0) parts.push('');
    else parts.push(`${parts.pop() ?? ''}${character}`);
  }
  return parts.map((part) => part.trim());
}

/** Returns the end of a comment. Comments nest. */
function endOfComment(sql: string, from: number): number {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = from;
  let depth = 1;
  for (let mark = marks.exec(sql); mark !== null; mark = marks.exec(sql)) {
    depth += mark[0] === '/*' ? 1 : -1;
    if (depth === 0) return marks.lastIndex;
  }
  return sql.length;
}

function standsAlone(sql: string, at: number): boolean {
  return sql.slice(sql.lastIndexOf('\n', at) + 1, at).trim() === '';
}

function onOneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
