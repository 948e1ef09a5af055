/**
 * Talking to the server: one way to ask, one kind of trouble, and patience when the server is gone for a while.
 */
import { words } from './words.js';
import { readLines, sendBlob } from './streams.js';
import { pictureOf } from './state.js';

const PAUSES_S = [1, 2, 4, 4, 4, 4, 4, 4, 4];
const TOKEN_KEY = 'anymask-token';

/** What went wrong with one request, as a sentence for a person. */
export class Trouble extends Error {
  /** @param {{code: string, message: string, hint?: string|null, status?: number, place?: number}} fields */
  constructor({ code, message, hint = null, status = 0, place }) {
    super(message);
    Object.assign(this, { code, hint, status, place });
  }

  /** @returns {string} message and hint as one sentence */
  get sentence() {
    const text = this.hint ? `${this.message}; ${this.hint}` : this.message;
    return /[.!?]$/.test(text) ? text : `${text}.`;
  }
}

const gone = () => new Trouble({ code: 'server_gone', message: words.alerts.gone });

function takeToken() {
  const found = /(?:^#|&)token=([^&]*)/.exec(location.hash);
  if (found) {
    sessionStorage.setItem(TOKEN_KEY, decodeURIComponent(found[1]));
    history.replaceState(null, '', location.pathname + location.search);
  }
  return sessionStorage.getItem(TOKEN_KEY);
}

async function troubleOf(status, readJson) {
  let error = null;
  try {
    error = (await readJson())?.error;
  } catch {
    error = null;
  }
  return new Trouble({ code: 'unknown', message: words.alerts.odd(status), ...error, status });
}

/** A file that has been moved or deleted since it was chosen cannot be sent, however often one tries. */
async function seeThatItCanBeRead(blob) {
  try {
    await blob.slice(0, 1).arrayBuffer();
  } catch {
    throw new Trouble({ code: 'unreadable', message: words.alerts.unreadable(blob.name ?? words.pictures.pasted), hint: words.alerts.chooseAgain });
  }
}

const sleep = (seconds) => new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });

export class Server {
  #store;
  #token = takeToken();
  #start = null;
  #reviving = null;
  #ensure = null;
  #onRestart = null;

  /** @param {object} store */
  constructor(store) {
    this.#store = store;
  }

  /** @param {(entry: object, options: object) => Promise<string>} ensure sends a picture and gives its new id */
  setEnsure(ensure) {
    this.#ensure = ensure;
  }

  /** @param {() => void} onRestart called when another start of the server answers */
  setOnRestart(onRestart) {
    this.#onRestart = onRestart;
  }

  /** @param {string} token */
  setToken(token) {
    this.#token = token.trim();
    sessionStorage.setItem(TOKEN_KEY, this.#token);
    this.#store.set({ connection: 'ok' });
  }

  /** Ask and get JSON. Path after /api; a body that is no Blob is sent as JSON. */
  async json(method, path, body, options) {
    return (await this.#ask(method, path, body, options)).json();
  }

  /** @returns {Promise<{blob: Blob, headers: Headers}>} */
  async bytes(method, path, body, options) {
    const reply = await this.#ask(method, path, body, options);
    return { blob: await reply.blob(), headers: reply.headers };
  }

  /**
   * Ask and get lines as they come.
   * @param {string} method
   * @param {string} path
   * @param {object|Blob|null} body
   * @param {{signal?: AbortSignal, onLine: (line: object) => void, onSent?: (share: number) => void}} options
   */
  async lines(method, path, body, { signal, onLine, onSent, ...rest }) {
    if (onSent) return this.#upload(method, path, body, { signal, onLine, onSent });
    return readLines(await this.#ask(method, path, body, { signal, ...rest }), onLine);
  }

  /**
   * Ask about one picture; where the server has lost it, it is sent again and the question repeated once.
   * @param {object} entry the picture entry, perhaps an old copy of it
   * @param {string} verb path after the picture's id, as `masks`
   * @param {object|Blob|null} body
   * @param {{as?: 'json'|'bytes'|'lines', method?: string, signal?: AbortSignal, onLine?: Function, isPatient?: boolean}} [options]
   */
  async forPicture(entry, verb, body, options = {}) {
    try {
      return await this.#askPicture(entry, verb, body, options);
    } catch (error) {
      const isLost = error instanceof Trouble && (error.code === 'gone' || error.code === 'unknown_picture');
      if (!isLost) throw error;
      await this.#ensure(entry, { signal: options.signal, lostId: error.lostId });
      return this.#askPicture(entry, verb, body, options);
    }
  }

  async #askPicture(entry, verb, body, { as = 'json', method = 'POST', ...options }) {
    const idNow = () => pictureOf(this.#store.get(), entry.key)?.serverId ?? null;
    const id = idNow() ?? (await this.#ensure(entry, { signal: options.signal }));
    try {
      return await this[as](method, `/pictures/${id}${verb ? `/${verb}` : ''}`, body, { ...options, isStillGood: () => idNow() === id });
    } catch (error) {
      if (error instanceof Trouble) error.lostId = id;
      throw error;
    }
  }

  /** One request; where the server cannot be reached it is repeated when the server is back. */
  async #ask(method, path, body, options = {}) {
    for (;;) {
      try {
        return await this.#once(method, path, body, options);
      } catch (error) {
        if (error instanceof Trouble || error.name === 'AbortError' || options.signal?.aborted) throw error;
        await this.#waitFor(options.isPatient);
        // After a new start a path with a picture's id means nothing any more; forPicture knows what to do about it.
        if (options.isStillGood?.() === false) throw new Trouble({ code: 'gone', message: words.alerts.dropped, status: 410 });
      }
    }
  }

  async #once(method, path, body, { signal, type }) {
    const isPlain = body === undefined || body === null || body instanceof Blob;
    const sent = isPlain ? body ?? undefined : JSON.stringify(body);
    const kind = type ?? (isPlain ? body?.type || 'application/octet-stream' : 'application/json');
    const headers = this.#headers(sent === undefined ? null : kind);
    const reply = await fetch(`/api${path}`, { method, body: sent, signal, headers, cache: 'no-store' });
    this.#reached(reply.headers.get('X-Anymask-Start'));
    if (reply.ok) return reply;
    throw this.#refused(await troubleOf(reply.status, () => reply.json()));
  }

  async #upload(method, path, body, { signal, onLine, onSent }) {
    for (;;) {
      try {
        const headers = this.#headers(body.type || 'application/octet-stream');
        const reply = await sendBlob(`/api${path}`, { method, body, headers, signal, onLine, onSent });
        this.#reached(reply.start);
        if (reply.status < 400) return;
        throw this.#refused(await troubleOf(reply.status, () => JSON.parse(reply.text)));
      } catch (error) {
        if (error instanceof Trouble || error.name === 'AbortError') throw error;
        await seeThatItCanBeRead(body);
        await this.#waitFor(true);
      }
    }
  }

  #headers(type) {
    const made = {};
    if (this.#token) made['X-Anymask-Token'] = this.#token;
    if (type) made['Content-Type'] = type;
    return made;
  }

  #refused(trouble) {
    if (trouble.code === 'token') this.#store.set({ connection: 'token' });
    return trouble;
  }

  #reached(start) {
    if (this.#store.get().connection === 'lost') this.#store.set({ connection: 'ok' });
    if (!start || start === this.#start) return;
    const isRestart = this.#start !== null;
    this.#start = start;
    if (!isRestart) return;
    // Another start means an empty shelf: every id the page holds is void, but the pictures themselves are here.
    this.#store.set((state) => ({ pictures: state.pictures.map((entry) => ({ ...entry, serverId: null })) }));
    this.#onRestart?.();
  }

  async #waitFor(isPatient = true) {
    this.#reviving ??= this.#revive().finally(() => { this.#reviving = null; });
    if (isPatient) return this.#reviving;
    this.#reviving.catch(() => {});
    throw gone();
  }

  /** One wait for all requests that found nobody: knock after longer and longer pauses. */
  async #revive() {
    this.#store.set({ connection: 'lost' });
    for (const pause of PAUSES_S) {
      await sleep(pause);
      try {
        const reply = await fetch('/api/health', { headers: this.#headers(), cache: 'no-store' });
        this.#reached(reply.headers.get('X-Anymask-Start'));
        return;
      } catch { /* still gone: the next pause is longer */ }
    }
    throw gone();
  }
}
