/** Loaded before the first paint, so that a chosen theme never flashes into the other. */
import { applyTheme, chosenTheme } from '/static/js/theme.js';

applyTheme(chosenTheme());
