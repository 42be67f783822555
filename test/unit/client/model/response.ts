/** The body of a stream, whose reads resolve without leaving the fake clock. */
export class StreamBody {
  readonly #parts: Uint8Array[] = [];
  #wake: () => void = () => undefined;
  #hasFailed = false;

  write(text: string): void {
    this.#parts.push(new TextEncoder().encode(text));
    this.#wake();
  }

  fail(): void {
    this.#hasFailed = true;
    this.#wake();
  }

  getReader(): { read(): Promise<{ done: boolean; value: Uint8Array | undefined }> } {
    return {
      read: async () => {
        while (this.#parts.length === 0 && !this.#hasFailed) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
        if (this.#hasFailed) throw new Error('cut');
        return { done: false, value: this.#parts.shift() };
      },
    };
  }

  cancel(): Promise<void> {
    return Promise.resolve();
  }
}

/** Returns a response whose body resolves without leaving the fake clock, as that of a real `Response` does not. */
export function responseOf(status: number, json: object, body = new StreamBody()): Response {
  return Object.defineProperties(new Response(null, { status }), {
    json: { value: () => Promise.resolve(json) },
    body: { value: body },
  });
}
