/** The files of a drop, those in folders that were dropped too. */

const isImage = (file) => file.type.startsWith('image/');
const byName = (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true });

/** A folder tells of its entries a hundred at a time. */
async function entriesOf(folder) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!some.length) return found.sort(byName);
    found.push(...some);
  }
}

async function picturesIn(folder) {
  const found = [];
  for (const entry of await entriesOf(folder)) {
    if (entry.isDirectory) found.push(...await picturesIn(entry));
    else found.push(await new Promise((resolve, reject) => { entry.file(resolve, reject); }));
  }
  return found.filter(isImage);
}

/**
 * Must be called while the drop is being told of: later the browser has forgotten what was dropped.
 * @param {DataTransfer} transfer
 * @returns {Promise<File[]>} pictures, also all those in folders; where there are none, whatever was dropped, so that it can be named
 */
export async function filesOf(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === 'file');
  const dropped = items.map((item) => ({ entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile() }));
  const found = [];
  for (const { entry, file } of dropped) {
    if (entry?.isDirectory) found.push(...await picturesIn(entry));
    else if (file) found.push(file);
  }
  const pictures = found.filter((file) => isImage(file) || !file.type);
  return pictures.length ? pictures : found;
}
