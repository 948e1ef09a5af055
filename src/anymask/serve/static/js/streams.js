/** Answers that come line by line, and uploads that tell how far they are. */

/**
 * Split text that arrives in parts into JSON lines.
 * @param {(line: object) => void} onLine
 * @returns {(text: string, isLast?: boolean) => void}
 */
export function lineSplitter(onLine) {
  let rest = '';
  return (text, isLast = false) => {
    const parts = (rest + text).split('\n');
    rest = isLast ? '' : parts.pop();
    for (const part of parts) if (part.trim()) onLine(JSON.parse(part));
  };
}

/**
 * Read an NDJSON answer as it arrives.
 * @param {Response} reply
 * @param {(line: object) => void} onLine
 */
export async function readLines(reply, onLine) {
  const feed = lineSplitter(onLine);
  const decoder = new TextDecoder();
  const reader = reply.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    feed(decoder.decode(value, { stream: true }));
  }
  feed(decoder.decode(), true);
}

/**
 * Send bytes and read an NDJSON answer. The older request object is used because fetch does not tell how much has been sent.
 * @param {string} url
 * @param {{method: string, body: Blob, headers: object, signal?: AbortSignal, onLine: Function, onSent: (share: number) => void}} options
 * @returns {Promise<{status: number, text: string, start: string|null}>}
 */
export function sendBlob(url, { method, body, headers, signal, onLine, onSent }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const feed = lineSplitter(onLine);
    let seen = 0;
    const read = (isLast) => {
      if (request.status >= 400) return;
      const text = request.responseText;
      feed(text.slice(seen), isLast);
      seen = text.length;
    };
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener('progress', (event) => onSent(event.total ? event.loaded / event.total : 0));
    request.upload.addEventListener('load', () => onSent(1));
    request.addEventListener('progress', () => read(false));
    request.addEventListener('load', () => {
      read(true);
      resolve({ status: request.status, text: request.responseText, start: request.getResponseHeader('X-Anymask-Start') });
    });
    request.addEventListener('error', () => reject(new TypeError('network')));
    request.addEventListener('abort', () => reject(new DOMException('stopped', 'AbortError')));
    signal?.addEventListener('abort', () => request.abort(), { once: true });
    request.send(body);
  });
}
