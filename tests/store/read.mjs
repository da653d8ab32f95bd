// Prints, as JSON, what ROOT's own JavaScript reader finds in a file of records.
// usage: node read.mjs FOLDER_OF_JSROOT FILE TREE BRANCH... [-- HISTOGRAM...]
import { pathToFileURL } from 'node:url';

const [folder, path, name, ...rest] = process.argv.slice(2);
const cut = rest.includes('--') ? rest.indexOf('--') : rest.length;
const branches = rest.slice(0, cut), histograms = rest.slice(cut + 1);
const load = module => import(pathToFileURL(`${folder}/modules/${module}.mjs`));
const { openFile } = await load('io');
const { treeProcess, TSelector } = await load('tree');

// typed arrays become lists; numbers that JSON does not know become their names
const plain = value => {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'object') return Array.from(value, plain);
  return value;
};

const file = await openFile(path);
const tree = await file.readObject(name);
const selector = new TSelector();
for (const branch of branches) selector.addBranch(branch);
const found = Object.fromEntries(branches.map(branch => [branch, []]));
selector.Process = function () {
  for (const branch of branches) found[branch].push(plain(this.tgtobj[branch]));
};
selector.Terminate = () => {};
await treeProcess(tree, selector);

const drawn = {};
for (const histogram of histograms) {
  const read = await file.readObject(histogram);
  drawn[histogram] = { type: read._typename, entries: read.fEntries, counts: plain(read.fArray) };
}
const label = await file.readObject(`labels_${name}`);
console.log(JSON.stringify({ entries: tree.fEntries, branches: found, histograms: drawn, label: label.fString }));
