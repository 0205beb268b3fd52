"""NumPy's functions on traced values against NumPy itself and against differences."""

import numpy as np
import pytest

from funcgrad import grad
from tests.ops.laws import arguments, check, check_batched, check_float32, compiled

VECTOR = """
np.sum(x) np.sum(x,axis=-1) np.sum(x,keepdims=True) np.sum(x,initial=2.0) np.sum(x,where=x>0)
np.prod(x) np.prod(x,initial=3.0) np.mean(x) np.mean(x,where=x>0) np.var(x) np.var(x,ddof=1)
np.std(x) np.std(x,ddof=1) np.max(x) np.min(x) np.amax(x) np.amin(x) np.max(x,initial=0.5)
np.min(x,initial=0.5,where=x>0) np.ptp(x) np.average(x) np.average(x,weights=[1,2,3,4,5])
np.average(x,weights=np.exp(x)) np.median(x) np.median(x[:4]) np.any(x>0) np.all(x>0)
np.count_nonzero(x>0) np.argmax(x) np.argmin(x) np.argmax(x,keepdims=True) np.cumsum(x)
np.cumprod(x) np.diff(x) np.diff(x,n=2) np.diff(x,prepend=0.0) np.diff(x,append=x[:2])
np.ediff1d(x) np.ediff1d(x,to_end=[1.0],to_begin=x[0]) np.gradient(x) np.gradient(x,2.0)
np.gradient(x,np.cumsum(np.exp(x))) np.gradient(x,edge_order=2)
np.gradient(x,np.cumsum(np.exp(x)),edge_order=2) np.trapezoid(x) np.trapezoid(x,dx=0.5)
np.trapezoid(x,np.cumsum(np.exp(x))) np.cumulative_sum(x)
np.cumulative_sum(x,include_initial=True) np.cumulative_prod(x,include_initial=True) np.nansum(x)
np.nanprod(x) np.nanmean(x) np.nanvar(x) np.nanstd(x,ddof=1) np.nanmax(x) np.nanmin(x)
np.nanargmax(x) np.nanargmin(x) np.nancumsum(x) np.nancumprod(x) np.nan_to_num(x) np.sort(x)
np.sort(x)[::-1] np.argsort(x) np.partition(x,2)[2] np.searchsorted(np.sort(x),x)
np.searchsorted(x[:0],x) np.searchsorted([0.0,1.0],x,side="right") np.digitize(x,[-1.0,0.0,1.0])
np.digitize(x,[1.0,0.0,-1.0]) np.lexsort((x,x>0)) np.quantile(x,0.3) np.quantile(x,[0.1,0.5])
np.percentile(x,30) np.percentile(x,[[25,50]]) np.quantile(x,0.3,method="lower")
np.quantile(x,0.3,keepdims=True) np.where(x>0,x,0.0) np.where(x>0,1.0,x*x) np.where(x>0)
np.where(x,x,1.0) np.where([True,False,True,True,False],x,2) np.select([x>1,x>0],[x,x*x],-1.0)
np.select([x>1,x>0],[1,2]) np.piecewise(x,[x<0,x>=1],[lambda.v:.v*v,lambda.v:.np.exp(v),3.0])
np.piecewise(x,[x<0],[-1.0,lambda.v:.v*v]) np.clip(x,-1,1) np.clip(x,None,1) np.clip(x,0.5,None)
np.clip(x,min=0.0) np.clip(x,-x*x,x*x+1) np.round(x) np.round(x+0.01,1) np.around(x,-1)
np.real(x) np.imag(x) np.conj(x) np.angle(x) np.angle(x+1j,deg=True) np.abs(x) np.angle(x+2j*x*x)
np.real(np.exp(1j*x)) np.imag(np.exp(1j*x)) np.iscomplex(x) np.isreal(x) np.reshape(x,(5,1))
np.reshape(x,-1) np.ravel(x) np.transpose(x) np.expand_dims(x,0) np.expand_dims(x,(0,-1))
np.squeeze(x[None,:,None]) np.squeeze(x[None],0) np.broadcast_to(x,(3,5))
np.broadcast_arrays(x,1.0) np.broadcast_arrays(x,x[:,None]) np.atleast_1d(x[0]) np.atleast_2d(x)
np.atleast_3d(x) np.atleast_1d(x,x[0]) np.flip(x) np.flip(x,0) np.roll(x,2) np.roll(x,-7)
np.repeat(x,2) np.repeat(x,[0,1,2,0,3]) np.tile(x,2) np.tile(x,(2,3)) np.tile(x,(2,1,2))
np.flipud(x) np.concatenate([x,x*2]) np.concatenate([x,[1.0,2.0]]) np.concatenate((x,[x[0],3.0]))
np.concatenate([x[:,None],x[:,None]],axis=None) np.concatenate([x[:,None],x[:,None]],axis=-1)
np.stack([x,x*x]) np.stack([x,x*x],axis=1) np.stack([x,x],-1) np.stack([x[0],1.0,x[1]])
np.vstack([x,x]) np.hstack([x,x[:2]]) np.hstack([x[0],x]) np.dstack([x,x])
np.column_stack([x,x*x]) np.append(x,1.0) np.append(x,x[:2]) np.block([[x,x],[x,x]])
np.block([x,1.0]) np.insert(x,2,7.0) np.insert(x,[0,3],x[:2]) np.insert(x,1,[5.0,6.0])
np.delete(x,1) np.delete(x,[0,-1]) np.delete(x,slice(1,3)) np.split(x,[2,3]) np.array_split(x,2)
np.hsplit(x,[1]) np.split(x,5) np.unstack(x) np.pad(x,1) np.pad(x,(1,2)) np.pad(x,2,mode="edge")
np.pad(x,(2,1),mode="reflect") np.pad(x,2,mode="symmetric") np.pad(x,7,mode="wrap")
np.pad(x,1,constant_values=3.0) np.pad(x,1,constant_values=(1.0,2.0))
np.pad(x,1,constant_values=x[0]) np.take(x,[0,-1,2]) np.take(x,2) np.take(x,[7,-9],mode="wrap")
np.take(x,[7,-9],mode="clip") np.take(x,np.argsort(x)) np.take_along_axis(x,np.argsort(x))
np.extract(x>0,x) np.compress([True,False,True],x) np.choose([0,1,0,1,1],[x,x*x]) np.zeros_like(x)
np.ones_like(x) np.full_like(x,2.5) np.full_like(x,x[0]) np.full_like(x,x) np.empty_like(x)*0
np.zeros_like(x,shape=(2,2)) np.ones_like(x,dtype=int) np.copy(x) np.linspace(x[0],x[1],4)
np.linspace(0,x[1],4,endpoint=False) np.linspace(x[:2],x[2:4],3) np.linspace(x[:2],3.0,3,axis=-1)
np.linspace(x[0],x[1],1) np.linspace(x[0],2,3,retstep=True) np.logspace(x[0],x[1],3)
np.meshgrid(x,x[:2]) np.meshgrid(x,x[:2],indexing="ij") np.meshgrid(x,x[:2],sparse=True)
np.meshgrid(x,x[:2],[1.0,2.0]) np.interp(x,[-1.0,0.0,1.0],[3.0,1.0,2.0])
np.interp(x,[-1.0,0.0,1.0],[3.0,1.0,2.0],left=-5.0,right=x[0]) np.interp(0.3,[-1.0,0.0,1.0],x[:3])
np.interp([0.3,-0.9,9],np.sort(x),x*x) np.interp(x,[0.0],[2.0])
np.interp(x,[0.2,0.5,0.9],[1.0,2.0,4.0],period=1.0) np.convolve(x,[1.0,2.0,3.0])
np.convolve(x,x[:2],"same") np.convolve([1.0,2.0],x,"valid") np.convolve(x,x)
np.correlate(x,x[:3]) np.correlate(x,x[:2],"full") np.correlate(x[:2],x,"full")
np.correlate(x[:2],x,"same") np.correlate(x,x[:3],"same") np.correlate(x[:2],x) np.polyval(x,2.0)
np.polyval([1.0,2.0,3.0],x) np.polyval(x,x) np.vander(x) np.vander(x,3)
np.vander(x,3,increasing=True) np.unwrap(x*5) np.unwrap(x*9,period=2.0) np.sinc(x) np.sinc(x*0.01)
np.isclose(x,x+1e-9) np.allclose(x,1.0) np.array_equal(x,x) np.array_equal(x,x[:2])
np.array_equiv(x,x) np.isclose(x,np.nan,equal_nan=True) np.shape(x) np.ndim(x) np.size(x)
np.iscomplexobj(x) np.isrealobj(x) np.logical_and(x>0,x<1) np.logical_not(x>0) np.nonzero(x>0)
np.flatnonzero(x>0) np.argwhere(x>0) np.isposinf(x) np.diag(x) np.diag(x,1) np.diag(x,-2)
np.diagflat(x) np.bincount([0,2,2,1,0],x) np.bincount([0,2,2,1,0],weights=x,minlength=7)
np.apply_along_axis(lambda.v:.v*2,0,x) np.real_if_close(x)
np.unique(x) np.unique(np.tile(x,2),return_index=True,return_inverse=True,return_counts=True)
np.unique_all(x)[0] np.unique_counts(np.tile(x,2)) np.unique_inverse(x) np.unique_values(x)
np.union1d(x,x*x) np.union1d([0.5,9.0],x) np.intersect1d(x,np.append(x[:2],7.0))
np.intersect1d(x,x[1:3],return_indices=True) np.setdiff1d(x,x[:2]*1.0) np.setdiff1d(x,[0.5],True)
np.setxor1d(x,np.append(x[1:],7.0)) np.isin(x,x[:2]) np.isin(x,[],invert=True)
np.isin(x,[0.5,np.nan],invert=True) np.trim_zeros(np.pad(x,2)) np.trim_zeros(np.pad(x,2),"f")
np.trim_zeros(np.pad(x,2),"b") np.trim_zeros(x*0) np.histogram(x) np.histogram(x,4,(-1,1))
np.histogram(x,[-2.0,0.0,1.0,3.0],density=True) np.histogram(x,3,weights=x) np.histogram(x,"auto")
np.histogram(x,2,(0,1),weights=np.exp(x),density=True) np.histogram_bin_edges(x,4)
np.histogram_bin_edges(x,"fd") np.histogram(x[:1],2) np.histogram2d(x,x*x,[3,4])
np.histogram2d(x,x,[0.0,1.0,2.0],weights=x) np.histogram2d(x,x*x,[3,4],density=True)
np.histogramdd((x,x,x**2),[3,3,4]) np.polyadd(x,[1.0,2.0]) np.polysub([1.0],x) np.polymul(x,x[:2])
np.polydiv(x,[1.0,2.0]) np.polydiv(x[:1],x) np.polyder(x,2) np.polyint(x) np.polyint(x,2,[1.0,2.0])
np.polyint(x,2,x[0]) np.poly(x) np.poly(np.concatenate([x+1j,x-1j])) np.resize(x,(2,4))
np.geomspace(x[0]**2+1,x[3]**2+9,5) np.geomspace(-1,-x[0]**2-2,4,endpoint=False)
np.geomspace([1.0,2.0],x[3]**2+3,4,axis=-1) np.geomspace(1.0,x[0]**2+2,1) np.nanmedian(x)
np.nanmedian(np.where(x>0,x,np.nan)) np.nanquantile(np.where(x>0,x,np.nan),[0.2,0.7])
np.nanpercentile(x,30,keepdims=True) np.nanquantile(x,0.3,method="higher")
np.cov(np.stack([x,x*x]),aweights=np.exp(x)) np.cov(np.stack([x,x*x]),fweights=[1,2,3,4,5])
np.cov(np.stack([x,x*x]),fweights=[1,2,3,4,5],aweights=x**2,bias=True)
np.ravel_multi_index((np.argsort(x),[0,1,0,1,0]),(5,2)) np.unravel_index(np.argsort(x),(2,3))
x[np.ix_(np.argsort(x))] x[x[0]>9] x[x[0]<9] x[True] x[False]
np.packbits(x>0) np.unpackbits(np.packbits(x>0))
"""

MATRIX = """
np.sum(x) np.sum(x,axis=0) np.sum(x,1,keepdims=True) np.sum(x,axis=(0,-1)) np.sum(x,axis=())
np.sum(x,0,where=y>0) np.prod(x,0) np.prod(x,axis=(0,1)) np.mean(x,axis=0)
np.mean(x,1,keepdims=True) np.mean(x,0,where=y>-1) np.var(x,1) np.var(x,axis=None,keepdims=True)
np.std(x,0) np.std(x,(0,1)) np.var(x,0,mean=y[:1]) np.max(x,0) np.min(x,-1)
np.max(x,axis=(0,1),keepdims=True) np.ptp(x,1) np.any(x>1,axis=0)
np.all(x>-1,axis=1,keepdims=True) np.count_nonzero(x>0,axis=1) np.average(x,axis=0)
np.average(x,axis=1,weights=y[0]) np.average(x,weights=y*y,axis=0)
np.average(x,axis=0,weights=y*y,returned=True) np.average(x,axis=1,keepdims=True) np.median(x,0)
np.median(x,axis=1,keepdims=True) np.median(x,axis=(0,1)) np.median(x) np.cumsum(x) np.cumsum(x,0)
np.cumsum(x,-1) np.cumprod(x,1) np.diff(x) np.diff(x,axis=0) np.diff(x,axis=0,prepend=y[:1])
np.gradient(x) np.gradient(x,axis=0) np.gradient(x,1.0,2.0) np.gradient(x,axis=(1,0))
np.trapezoid(x,axis=0) np.trapezoid(x,y) np.trapezoid(x,[0.0,1.0,3.0],axis=0) np.nansum(x,0)
np.nanmean(x,1,keepdims=True) np.nanstd(x,0) np.nanmax(x,1) np.argmax(x,0)
np.argmin(x,axis=-1,keepdims=True) np.argmax(x) np.sort(x) np.sort(x,0) np.sort(x,axis=None)
np.argsort(x,0) np.quantile(x,[0.2,0.7],axis=1) np.quantile(x,0.4,axis=0,keepdims=True)
np.percentile(x,60,axis=(0,1)) np.where(x>y,x,y) np.where(x>0,x,y[0]) np.where(x>0)
np.select([x>y,x>0],[x,y],x*y) np.clip(x,y,y+1) np.maximum(x,y) np.choose(np.where(x>y,0,1),[x,y])
np.reshape(x,(4,3)) np.reshape(x,(2,-1)) np.reshape(x,(4,3),order="F") np.ravel(x)
np.ravel(x,order="F") np.transpose(x) np.transpose(x,(1,0)) np.swapaxes(x,0,1) np.moveaxis(x,0,-1)
np.moveaxis(x[None],[0,1],[2,0]) np.rollaxis(x[None],2) np.rollaxis(x[None],0,3)
np.matrix_transpose(x) np.permute_dims(x,(1,0)) np.expand_dims(x,1) np.squeeze(x[:,:1],1)
np.flip(x) np.flip(x,1) np.flip(x,(0,1)) np.fliplr(x) np.flipud(x) np.rot90(x) np.rot90(x,2)
np.rot90(x,-1) np.rot90(x,0) np.roll(x,1) np.roll(x,1,axis=0) np.roll(x,(1,-2),axis=(0,1))
np.roll(x,1,axis=(0,1)) np.repeat(x,2,axis=1) np.repeat(x,[1,0,2],axis=0) np.repeat(x,3)
np.tile(x,2) np.tile(x,(2,1)) np.tile(x,(2,1,1)) np.concatenate([x,y])
np.concatenate([x,y],axis=1) np.concatenate([x,y],axis=None) np.concatenate([x,y[:1]],0)
np.stack([x,y]) np.stack([x,y],axis=1) np.stack([x,y],axis=-1) np.stack(x) np.vstack([x,y[0]])
np.hstack([x,y]) np.dstack([x,y]) np.column_stack([x,y[:,0]]) np.append(x,y,axis=0) np.append(x,y)
np.block([[x,y],[y,x]]) np.concatenate(x) np.concat([x,y]) np.insert(x,1,9.0,axis=0)
np.insert(x,1,y[0],axis=0) np.insert(x,[1,2],y[:,:1],axis=1) np.delete(x,1,axis=1)
np.delete(x,[0,2],axis=0) np.delete(x,3) np.split(x,3) np.split(x,2,axis=1) np.array_split(x,2)
np.vsplit(x,3) np.hsplit(x,2) np.unstack(x,axis=1) np.pad(x,((1,0),(0,2))) np.pad(x,1,mode="edge")
np.pad(x,((1,1),(2,2)),mode="reflect") np.pad(x,2,mode="wrap")
np.pad(x,1,constant_values=((1.0,2.0),(3.0,4.0))) np.pad(x,{1:(1,2)}) np.tril(x) np.triu(x)
np.tril(x,1) np.triu(x,-1) np.diag(x) np.diag(x,1) np.diag(x,-1) np.take(x,[0,2],axis=0)
np.take(x,[[0,1],[2,0]],axis=1) np.take(x,5) np.take_along_axis(x,np.argsort(y,1),1)
np.take_along_axis(x,np.argmax(y,1)[:,None],1) np.take_along_axis(x,np.argsort(y,0),axis=0)
np.take_along_axis(x,np.argsort(y,None),None) np.compress([False,True,True],x,axis=0)
np.extract(x>0,y) np.zeros_like(x)+y np.full_like(x,y) np.full_like(x,y[0]) np.meshgrid(x,y)
np.linspace(x,y,3) np.linspace(x,y,3,axis=1) np.broadcast_arrays(x,y[0],y[:,:1]) np.atleast_2d(x)
np.atleast_3d(x) np.apply_along_axis(lambda.v:.v.sum(),1,x)
np.apply_along_axis(lambda.v:.v[::-1]*y[0,0],0,x) np.apply_over_axes(np.sum,x,[0,1])
np.vander(x[0],3) np.add.reduce(x) np.add.reduce(x,axis=1,keepdims=True)
np.multiply.reduce(x,axis=None) np.maximum.reduce(x,axis=(0,1)) np.minimum.reduce(x)
np.logical_and.reduce(x>0) np.logical_or.reduce(x>0,axis=1) np.logaddexp.reduce(x)
np.logaddexp.reduce(x,axis=1,keepdims=True) np.hypot.reduce(x,axis=1) np.fmax.reduce(x,1)
np.add.accumulate(x) np.multiply.accumulate(x,axis=1) np.maximum.accumulate(x)
np.minimum.accumulate(x,axis=1) np.add.outer(x,y[0]) np.multiply.outer(x[0],y)
np.subtract.outer(x[0],2.0) np.maximum.outer(x[0],y[0]) np.power.outer(np.exp(x[0]),y[0])
"""

POSITIVE = """
np.logspace(0,x[0],3) np.power(x,x[::-1]) np.float_power(x,2) np.float_power(2,x)
np.sqrt(np.var(x)) np.geomspace(1.0,4.0,3)*x[0]
"""


def codes(text):
    return [code.replace(".v:", " v:").replace(":.", ": ") for code in text.split()]


@pytest.mark.parametrize("code", codes(VECTOR))
def test_vector(code):
    check(compiled(code, "x"), arguments([(5,)]))


@pytest.mark.parametrize("code", codes(MATRIX))
def test_matrix(code):
    check(compiled(code), arguments([(3, 4), (3, 4)]))


@pytest.mark.parametrize("code", codes(POSITIVE))
def test_positive(code):
    check(compiled(code, "x"), arguments([(4,)], low=0.5))


NUMBERS = """
x[None] x[()] x[...,None] np.reshape(x,1) np.sum(x) np.stack([x,1.0]) x.T np.atleast_2d(x)
np.cumsum(x) np.expand_dims(x,0) np.array([1.0,2.0])*x x.ravel()
"""


@pytest.mark.parametrize("code", NUMBERS.split())
def test_python_number_as_argument(code):
    f = compiled(f"np.sum({code})", "x")
    np.testing.assert_allclose(
        grad(lambda x: f(x) * f(x))(1.5), 2 * f(np.array(1.5)) * (3 if "2.0" in code else 1)
    )


# Their shapes, or whether they may run, depend on values: examples of a batch would differ.


def even(code):
    return (
        "nonzero(" not in code.replace("count_nonzero(", "")
        and not any(word in code for word in ("argwhere", "extract", "np.where(x>0) "))
        and code != "np.where(x>0)"
    )


@pytest.mark.parametrize("code", [c for c in codes(VECTOR) if even(c)])
def test_vector_batched(code):
    check_batched(compiled(code, "x"), arguments([(5,)]))


@pytest.mark.parametrize("code", [c for c in codes(MATRIX) if even(c)])
def test_matrix_batched(code):
    check_batched(compiled(code), arguments([(3, 4), (3, 4)]))


@pytest.mark.parametrize("code", codes(VECTOR))
def test_vector_float32(code):
    check_float32(compiled(code, "x"), arguments([(5,)]))


@pytest.mark.parametrize("code", codes(MATRIX))
def test_matrix_float32(code):
    check_float32(compiled(code), arguments([(3, 4), (3, 4)]))
