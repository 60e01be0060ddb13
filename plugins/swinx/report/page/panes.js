// Panes of the viewer: three planes and the classes in 3D, drawn by NiiVue, for one label map or two side by side.
function Panes(box, classes, moved) {
  'use strict';
  this.box = box;
  this.classes = classes;
  this.moved = moved; // is called with the place of the crosshair in mm, and the HU there
  this.hidden = new Set(); // ids of classes that are switched off
  this.panes = [];
  this.shown = null; // { scan, maps, start, place }: the volumes as NIfTI files in memory
  this.opacity = 0.45;
  this.window = [-160, 240];
}

Panes.HEADER = 352; // bytes before the voxels
Panes.LAYOUTS = { // slice (0 axial, 1 coronal, 2 sagittal), left, top, width, height
  all: [[0, 0, 0, 0.5, 0.5], [1, 0.5, 0, 0.5, 0.5], [2, 0, 0.5, 0.5, 0.5]],
  axial: [[0, 0, 0, 1, 1]],
  coronal: [[1, 0, 0, 1, 1]],
  sagittal: [[2, 0, 0, 1, 1]]
};
Panes.DIFFERENCES = [
  { id: 1, name: 'in the reference only', colour: '#ff4d6d' },
  { id: 2, name: 'in the prediction only', colour: '#ffd23f' },
  { id: 3, name: 'another class', colour: '#3fc1ff' }
];
Panes.SOFTWARE_VOXELS = 2500000; // more take too long where a processor draws

Panes.inflate = async function (text) {
  var letters = atob(text);
  var bytes = new Uint8Array(letters.length);
  for (var i = 0; i < letters.length; i++) { bytes[i] = letters.charCodeAt(i); }
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
};

// Run the library, which the page holds once; an error says why volumes cannot be shown.
Panes.prototype.load = async function () {
  var context = document.createElement('canvas').getContext('webgl2');
  if (!context) { throw new Error('the browser has no WebGL 2'); }
  if (typeof DecompressionStream === 'undefined') { throw new Error('the browser is too old to unpack volumes'); }
  var facts = context.getExtension('WEBGL_debug_renderer_info');
  var renderer = context.getParameter(facts ? facts.UNMASKED_RENDERER_WEBGL : context.RENDERER);
  this.isSoftware = /swiftshader|llvmpipe|software|basic render/i.test(String(renderer));
  context.getExtension('WEBGL_lose_context')?.loseContext();
  var code = document.createElement('script');
  code.textContent = new TextDecoder().decode(await Panes.inflate(document.getElementById('niivue').textContent));
  document.head.append(code); // defines the global "niivue"
  code.remove();
  this.library = window.niivue;
};

// Unpack the volumes of a case. Without a graphics card, large ones are thinned out.
Panes.prototype.unpack = async function (content) {
  var found = { start: content.start, maps: {}, isThinned: false };
  var files = [['scan', content.scan]].concat(Object.entries(content.maps));
  for (var [title, text] of files) {
    var file = await Panes.inflate(text);
    var thin = this.isSoftware ? Panes.thin(file, Panes.SOFTWARE_VOXELS) : file;
    found.isThinned = found.isThinned || thin !== file;
    if (title === 'scan') { found.scan = thin; } else { found.maps[title] = thin; }
  }
  return found;
};

// Return a NIfTI file of bytes with every second voxel along the finest axes, until few enough remain.
Panes.thin = function (file, most) {
  var view = new DataView(file);
  var size = [0, 1, 2].map(function (axis) { return view.getInt16(42 + 2 * axis, true); });
  var step = [1, 1, 1];
  var mm = [0, 1, 2].map(function (axis) { return view.getFloat32(80 + 4 * axis, true); });
  function left(axis) { return Math.ceil(size[axis] / step[axis]); }
  while (left(0) * left(1) * left(2) > most) {
    var axis = [0, 1, 2].sort(function (a, b) { return mm[a] * step[a] - mm[b] * step[b]; })[0];
    step[axis] *= 2;
  }
  if (step.every(function (each) { return each === 1; })) { return file; }
  var result = new ArrayBuffer(Panes.HEADER + left(0) * left(1) * left(2));
  var bytes = new Uint8Array(result);
  bytes.set(new Uint8Array(file, 0, Panes.HEADER));
  var header = new DataView(result);
  step.forEach(function (each, axis) {
    header.setInt16(42 + 2 * axis, left(axis), true);
    header.setFloat32(80 + 4 * axis, mm[axis] * each, true);
    for (var row = 0; row < 3; row++) {
      var place = 280 + 16 * row + 4 * axis; // the affine, whose origin is voxel 0 as before
      header.setFloat32(place, view.getFloat32(place, true) * each, true);
    }
  });
  var voxels = new Uint8Array(file, Panes.HEADER);
  var to = Panes.HEADER;
  for (var z = 0; z < size[2]; z += step[2]) {
    for (var y = 0; y < size[1]; y += step[1]) {
      var line = size[0] * (y + size[1] * z);
      for (var x = 0; x < size[0]; x += step[0]) { bytes[to++] = voxels[line + x]; }
    }
  }
  return result;
};

Panes.colours = function (list, isOn) {
  var map = { R: [0], G: [0], B: [0], A: [0], I: [0], labels: ['no class'] };
  list.forEach(function (each) {
    var rgb = parseInt(each.colour.slice(1), 16);
    map.R.push(rgb >> 16);
    map.G.push((rgb >> 8) & 255);
    map.B.push(rgb & 255);
    map.A.push(isOn(each) ? 255 : 0);
    map.I.push(each.id);
    map.labels.push(each.name);
  });
  return map;
};

Panes.prototype.add = async function () {
  var pane = { box: document.createElement('div'), title: document.createElement('b') };
  pane.box.className = 'pane';
  pane.box.append(pane.title);
  this.box.append(pane.box);
  for (var kind of ['planes', 'solid']) {
    var frame = document.createElement('div');
    frame.className = kind;
    frame.append(document.createElement('canvas'));
    pane.box.append(frame);
    var is3D = kind === 'solid';
    pane[kind] = new this.library.Niivue({
      logLevel: 'silent', loadingText: '', dragAndDropEnabled: false, isRadiologicalConvention: true,
      sagittalNoseLeft: true, isOrientCube: is3D, isColorbar: false, show3Dcrosshair: false,
      backColor: is3D ? [0.06, 0.07, 0.08, 1] : [0, 0, 0, 1], crosshairColor: [0.35, 0.8, 1, 0.8],
      crosshairWidth: 0.35, crosshairWidthUnit: 'percent', crosshairGap: 6, fontColor: [0.8, 0.8, 0.8, 1],
      sliceType: is3D ? 4 : 3, multiplanarShowRender: 0
    });
    await pane[kind].attachToCanvas(frame.firstChild);
  }
  await pane.solid.setVolumeRenderIllumination(0.45);
  pane.planes.onLocationChange = this.follow.bind(this, pane);
  this.panes.push(pane);
};

// Show a list of 'Reference', 'Prediction', 'Differences' or 'CT' side by side.
Panes.prototype.show = async function (wanted, layout) {
  while (this.panes.length < wanted.length) { await this.add(); }
  this.panes.forEach(function (pane, index) {
    pane.isShown = index < wanted.length;
    pane.box.style.display = pane.isShown ? '' : 'none';
    pane.what = wanted[index];
    pane.title.textContent = pane.what === 'CT' ? '' : pane.what;
  });
  for (var pane of this.visible()) {
    if (pane.filled === this.shown) { this.paint(pane); } else { await this.fill(pane); }
    pane.planes.scene.crosshairPos = pane.planes.mm2frac(this.shown.place || this.shown.start, 0, true);
  }
  this.lay(layout);
  this.panes[0].planes.createOnLocationChange();
};

Panes.prototype.visible = function () { return this.panes.filter(function (pane) { return pane.isShown; }); };

Panes.prototype.fill = async function (pane) {
  var read = this.library.NVImage.loadFromUrl.bind(this.library.NVImage);
  [pane.planes, pane.solid].forEach(function (nv) { while (nv.volumes.length) { nv.removeVolumeByIndex(0); } });
  pane.planes.addVolume(await read({
    url: this.shown.scan.slice(0), name: 'scan.nii', colormap: 'gray', cal_min: this.window[0], cal_max: this.window[1]
  }));
  var first = Object.values(this.shown.maps)[0];
  for (var nv of first ? [pane.planes, pane.solid] : []) {
    var opacity = nv === pane.planes ? this.opacity : 1;
    var map = await read({ url: first.slice(0), name: 'labels.nii', opacity: opacity });
    this.dress(pane, map);
    nv.addVolume(map);
  }
  pane.solid.setRenderAzimuthElevation(190, 10);
  pane.planes.scene.pan2Dxyzmm = [0, 0, 0, 1];
  pane.filled = this.shown;
};

// Give a label map the voxels and colours that a pane is to show.
Panes.prototype.dress = function (pane, map) {
  var hidden = this.hidden;
  var source = this.shown.maps[pane.what];
  if (pane.what === 'Differences') {
    map.img.set(this.differences());
    map.setColormapLabel(Panes.colours(Panes.DIFFERENCES, function () { return true; }));
    return;
  }
  if (source) { map.img.set(new Uint8Array(source, Panes.HEADER)); } else { map.img.fill(0); }
  map.setColormapLabel(Panes.colours(this.classes, function (each) { return !hidden.has(each.id); }));
};

Panes.prototype.paint = function (pane) {
  [[pane.planes, pane.planes.volumes[1]], [pane.solid, pane.solid.volumes[0]]].forEach(function (pair) {
    if (pair[1]) {
      this.dress(pane, pair[1]);
      pair[0].updateGLVolume();
    }
  }, this);
};

Panes.prototype.repaint = function () { this.visible().forEach(this.paint, this); };

Panes.prototype.differences = function () {
  var truth = new Uint8Array(this.shown.maps.Reference, Panes.HEADER);
  var guess = new Uint8Array(this.shown.maps.Prediction, Panes.HEADER);
  var result = new Uint8Array(truth.length);
  var shown = new Uint8Array(256); // the id of a class that is switched on, 0 of others
  this.classes.forEach(function (each) { shown[each.id] = this.hidden.has(each.id) ? 0 : each.id; }, this);
  for (var i = 0; i < truth.length; i++) {
    var a = shown[truth[i]];
    var b = shown[guess[i]];
    if (a !== b) { result[i] = b === 0 ? 1 : a === 0 ? 2 : 3; }
  }
  return result;
};

Panes.prototype.lay = function (layout) {
  this.visible().forEach(function (pane) {
    if (Panes.LAYOUTS[layout]) {
      pane.planes.setCustomLayout(Panes.LAYOUTS[layout].map(function (tile) {
        return { sliceType: tile[0], position: tile.slice(1) };
      }));
    }
    pane.planes.resizeListener();
    pane.solid.resizeListener();
  });
};

// Move the crosshair of the other pane along, and tell the place.
Panes.prototype.follow = function (pane, place) {
  if (!this.shown || pane.filled !== this.shown || !pane.isShown) { return; }
  this.shown.place = Array.from(place.mm).slice(0, 3);
  this.visible().forEach(function (other) {
    if (other !== pane) {
      other.planes.scene.crosshairPos = other.planes.mm2frac(this.shown.place, 0, true);
      other.planes.scene.pan2Dxyzmm = pane.planes.scene.pan2Dxyzmm.slice();
      other.planes.drawScene();
    }
  }, this);
  var scan = pane.planes.volumes[0];
  var at = scan.mm2vox(this.shown.place);
  var index = at[0] + scan.hdr.dims[1] * (at[1] + scan.hdr.dims[2] * at[2]);
  var ids = Object.entries(this.shown.maps).map(function (entry) {
    return [entry[0], new Uint8Array(entry[1], Panes.HEADER)[index] || 0];
  });
  this.moved(this.shown.place, place.values[0].value, ids);
};

Panes.prototype.go = function (place) {
  var planes = this.visible()[0].planes;
  planes.scene.crosshairPos = planes.mm2frac(place, 0, true);
  planes.createOnLocationChange();
  planes.drawScene();
};

Panes.prototype.setOpacity = function (opacity) {
  this.opacity = opacity;
  this.visible().forEach(function (pane) { if (pane.planes.volumes[1]) { pane.planes.setOpacity(1, opacity); } });
};

Panes.prototype.setWindow = function (window_hu) {
  this.window = window_hu;
  this.visible().forEach(function (pane) {
    pane.planes.volumes[0].cal_min = window_hu[0];
    pane.planes.volumes[0].cal_max = window_hu[1];
    pane.planes.updateGLVolume();
  });
};
