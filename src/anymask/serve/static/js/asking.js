/**
 * Asking the server for masks: the newest answer wins, one hover is on its way and only the newest waits, clicks go first.
 */
import { expect } from './measures.js';
import { Trouble } from './server.js';
import { amend, current, picture, pictureOf } from './state.js';

/**
 * What to ask for a current object.
 * @param {import('./state.js').Current} now
 * @param {{x: number, y: number, label: 0|1}|null} [next] a point that is looked at before it is placed
 * @returns {{steps: import('./state.js').Step[], mask: object|null}}
 */
export function questionOf(now, next = null) {
  const points = next ? [...now.points, next] : now.points;
  const former = formerSteps(now, next);
  const mask = now.edited ?? now.mask;
  const isLone = points.length === 1 && !now.box && !former.length && !mask;
  const step = {
    points: points.map(({ x, y }) => [x, y]), labels: points.map(({ label }) => label), box: now.box,
    multimask: isLone ? null : false, number: 0,
  };
  return { steps: [...former, step], mask };
}

function formerSteps(now, next) {
  if (now.edited || !now.answer) return [];
  if (now.wanted?.former && !next) return now.wanted.former;
  // The answer that was chosen is what the model goes on from.
  return now.steps.map((step, k) => {
    const isLast = k === now.steps.length - 1;
    return isLast ? { ...step, number: now.answer.masks[now.chosen]?.number ?? step.number } : step;
  });
}

/**
 * The steps before the last when prompts are moved or taken away: asked as if they had been so from the beginning.
 * @param {import('./state.js').Step[]} steps
 * @param {(step: import('./state.js').Step) => import('./state.js').Step} renew a step with the change in it
 * @param {number} numPoints of the changed object
 * @returns {import('./state.js').Step[]}
 */
export function formerWith(steps, renew, numPoints) {
  const byCount = new Map();
  for (const step of steps.map(renew)) {
    if (step.points.length < numPoints && (step.box || step.labels.includes(1))) byCount.set(step.points.length, step);
  }
  return [...byCount.values()];
}

// A preview that takes longer than this, and far longer than the last one did, no longer holds back a newer wish.
const HELD_UP_MS = 1000;
const HELD_UP_TIMES = 3;
// But however slow the last ones were, no longer than this.
const HELD_UP_AT_MOST_MS = 10000;

/** Asks for previews and for answers to clicks, and puts what comes back into the state. */
export class Asking {
  #store;
  #server;
  #onTrouble;
  #numRequests = 0;
  #waiting = null;
  #hover = null;
  #click = null;
  #hoverMs = 0;
  #failed = new WeakSet();

  /**
   * @param {object} store
   * @param {object} server
   * @param {(error: Error) => void} onTrouble
   */
  constructor(store, server, onTrouble) {
    this.#store = store;
    this.#server = server;
    this.#onTrouble = onTrouble;
  }

  /** Look at the mask of a point, soon; a newer wish takes the place of one that waits. */
  hover(entry, next, since) {
    this.#waiting = { key: entry.key, next, since };
    this.#passBy();
    this.#askHover();
  }

  /** A preview that hangs is given up as soon as something newer is looked at. */
  #passBy() {
    const asked = this.#hover;
    if (!asked || !this.#waiting) return;
    const left = asked.began + this.#patience() - performance.now();
    if (left > 0) {
      asked.timer ||= setTimeout(() => this.#passBy(), left);
      return;
    }
    asked.stop.abort();
    // On a slow computer every preview takes this long: the next one gets more time, or none would ever come.
    this.#hoverMs = Math.max(this.#hoverMs, performance.now() - asked.began);
    this.#hover = null;
    this.#askHover();
  }

  #patience() {
    return Math.min(Math.max(HELD_UP_MS, HELD_UP_TIMES * this.#hoverMs), HELD_UP_AT_MOST_MS);
  }

  /** The pointer has left, or something else is looked at: nothing that is still on its way is drawn. */
  forgetHover() {
    this.#waiting = null;
    this.#hover?.stop.abort();
    this.#hover = null;
    if (this.#store.get().preview) this.#store.set({ preview: null });
  }

  /** The points have changed: ask until the newest is answered. Failed questions are asked again only with `isAgain`. */
  settle({ isAgain = false } = {}) {
    const entry = picture(this.#store.get());
    const wanted = entry?.history.now.current?.wanted;
    if (isAgain && wanted) this.#failed.delete(wanted);
    if (!wanted || this.#failed.has(wanted) || entry.status !== 'ready') return;
    if (this.#click) return;
    this.#hover?.stop.abort();
    this.#hover = null;
    this.#askClick(entry);
  }

  async #askHover() {
    if (this.#hover || this.#click || !this.#waiting) return;
    const { key, next, since } = this.#waiting;
    this.#waiting = null;
    const entry = pictureOf(this.#store.get(), key);
    if (!entry || entry !== picture(this.#store.get()) || entry.status !== 'ready') return;
    const now = entry.history.now.current;
    const asked = { stop: new AbortController(), began: performance.now(), timer: 0 };
    this.#hover = asked;
    try {
      const answer = await this.#ask(entry, 'hover', questionOf(now ?? NOTHING, next), asked.stop.signal);
      this.#hoverMs = performance.now() - asked.began;
      const isWanted = this.#hover === asked && this.#store.get().pointer && current(this.#store.get()) === now;
      if (answer && isWanted && answer.masks.length) this.#preview(answer, since);
    } catch (error) {
      this.#hoverFailed(error);
    } finally {
      clearTimeout(asked.timer);
      if (this.#hover === asked) this.#hover = null;
    }
    this.#askHover();
  }

  #preview(answer, since) {
    const preview = { ...answer, best: answer.best ?? 0 };
    expect(preview, since);
    this.#store.set({ preview });
  }

  /** A preview that fails is no reason to disturb a person, unless there is something to be done about it. */
  #hoverFailed(error) {
    if (error.name === 'AbortError') return;
    const isQuiet = error instanceof Trouble && ['newer_question', 'server_gone', 'busy', 'gone', 'unknown_picture'].includes(error.code);
    if (!isQuiet) this.#onTrouble(error);
  }

  async #askClick(entry) {
    const now = entry.history.now.current;
    const { wanted } = now;
    const question = questionOf(now);
    this.#click = wanted;
    const late = setTimeout(() => this.#store.set({ thinking: true }), 150);
    try {
      const answer = await this.#ask(entry, 'click', question);
      if (answer) this.#take(entry.key, wanted, question, answer);
    } catch (error) {
      this.#failed.add(wanted);
      this.#onTrouble(error);
    } finally {
      clearTimeout(late);
      this.#click = null;
      if (this.#store.get().thinking) this.#store.set({ thinking: false });
    }
    this.settle();
    this.#askHover();
  }

  async #ask(entry, purpose, { steps, mask }, signal) {
    this.#numRequests += 1;
    const request = this.#numRequests;
    const body = { request, purpose, steps, mask };
    const answer = await this.#server.forPicture(entry, 'masks', body, { signal, isPatient: purpose === 'click' });
    return answer.request === request ? answer : null;
  }

  /** Put an answer wherever its question stands, also where it has been undone meanwhile. */
  #take(key, wanted, { steps, mask }, answer) {
    const best = answer.best ?? 0;
    expect(answer, wanted.since);
    const filled = { steps, mask, answer, chosen: best, edited: null };
    this.#store.set({ preview: null, candidateShown: null });
    amend(this.#store, key, (work) => {
      const { current: now } = work;
      if (now?.wanted === wanted) return { ...work, current: { ...now, ...filled, wanted: null } };
      // While something is dragged the mask follows, though a newer place is already asked for.
      const isSameDrag = now?.wanted && wanted.drag && now.wanted.drag === wanted.drag;
      return isSameDrag ? { ...work, current: { ...now, ...filled } } : work;
    });
  }
}

const NOTHING = Object.freeze({ points: [], box: null, steps: [], mask: null, answer: null, chosen: 0, edited: null, wanted: null });
