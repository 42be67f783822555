/* SQL as statements, as far as what they are about can be told without a parser; pure. */

export interface Statement {
  /**
   * On one line, in capitals but for quoted names, without comments; strings and bodies in dollars are
   * `''`, and what is odd in a quoted name is an underscore.
   */
  code: string;
  /** The same as it was written, on one line. */
  written: string;
  /** The comments right before it, each on lines of their own. */
  comments: string[];
}

/** Comments, bodies in dollars, strings, quoted names: in none of them does a statement end. */
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
      // One that stands behind a statement is about that, and one amid a statement about a part of it.
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

/** What stands between the commas that are in no parentheses. */
export function splitSnapshot(code: string): string[] {
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

/** Comments in comments are comments. */
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
